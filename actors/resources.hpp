// What sources may share, made by the first that needs it: see keyloom/shared_resources.hpp.
#pragma once

#include "runtime/core/byte_budget.hpp"
#include "runtime/work/thread_set.hpp"

#include <keyloom/shared_resources.hpp>

namespace keyloom::actors {
class site;
} // namespace keyloom::actors

namespace keyloom::detail {

struct resources {
  explicit resources(uint64_t limit) : budget(std::make_shared<core::byte_budget>(limit)) {}

  std::shared_ptr<core::byte_budget> budget;
  std::shared_ptr<work::thread_set> threads = std::make_shared<work::thread_set>();

  std::mutex site_mutex;
  std::weak_ptr<actors::site> site; ///< of the sources that run; guarded by site_mutex
};

} // namespace keyloom::detail
