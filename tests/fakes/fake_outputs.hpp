// A producer whose queue has as much room as the test gives it, and which reports when and as the
// test says.
#pragma once

#include "runtime/core/partition.hpp"

#include <functional>
#include <string>
#include <vector>

namespace keyloom::fakes {

class fake_outputs final : public core::output_port {
public:
  verdict produce(core::event& ev, const outgoing_record& rec, caf::error& reason) override {
    if (refuse && refuse(rec)) {
      reason = caf::make_error(errc::produce_failed, "refused by the fake");
      return verdict::refused;
    }
    if (room == 0)
      return verdict::queue_full;
    --room;
    if (accepted)
      accepted(rec);
    values.push_back(rec.value.value_or("null"));
    unreported.push_back({&ev, rec.value.value_or("null")});
    return verdict::accepted;
  }

  /// The report of the `index`th unreported record, for `partition::delivered`.
  core::delivery report(size_t index, caf::error refused = {}) {
    core::delivery result{unreported[index].ev, std::move(refused)};
    unreported.erase(unreported.begin() + static_cast<std::ptrdiff_t>(index));
    return result;
  }

  struct unreported_record {
    core::event* ev;
    std::string value;
  };

  size_t room = SIZE_MAX; ///< records the queue still takes; 0: corked
  std::function<bool(const outgoing_record&)> refuse;
  std::function<void(const outgoing_record&)> accepted;
  std::vector<std::string> values; ///< of accepted records, in order
  std::vector<unreported_record> unreported;
};

} // namespace keyloom::fakes
