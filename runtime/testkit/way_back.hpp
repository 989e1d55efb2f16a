// The ways back into a session for work that the kit does not do itself: `way_back` for what is
// done by hand (`context::job_complete`), `call_box` for asynchronous functions, which answer when
// their completion is fulfilled or dropped. Any thread may use them (arrivals.hpp).
#pragma once

#include "runtime/core/work_memory.hpp"
#include "runtime/testkit/arrivals.hpp"

#include <keyloom/completion.hpp>

namespace keyloom::rig {

class way_back final : public core::return_port {
public:
  explicit way_back(std::function<void()> arrived) : parts(std::move(arrived)) {}

  void finished(core::run&& part) override { parts.put(std::move(part)); }

  /// The kit knows when its calls return.
  void call_returned(uint32_t, uint32_t, uint32_t) override {}

  /// The kit's producer reports without this.
  void delivered(std::vector<core::delivery>&&) override {}

  arrivals<core::run> parts;
};

class call_box final : public detail::completion_port {
public:
  explicit call_box(std::function<void()> arrived) : calls(std::move(arrived)) {}

  void completed(std::unique_ptr<detail::job> call) noexcept override {
    calls.put(std::move(call));
  }

  arrivals<std::unique_ptr<detail::job>> calls;
};

} // namespace keyloom::rig
