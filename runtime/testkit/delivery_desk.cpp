#include "runtime/testkit/delivery_desk.hpp"

namespace keyloom::rig {

core::output_port::verdict delivery_desk::produce(sender from, core::event& ev,
                                                  const outgoing_record& rec, caf::error& reason) {
  using core::output_port;
  if (room == 0)
    return output_port::verdict::queue_full;
  if (refuses && refuses(rec)) {
    reason = caf::make_error(errc::produce_failed, "the test refused an output to topic '"
                                                     + rec.topic + "' (refuse_outputs)");
    return output_port::verdict::refused;
  }
  --room;
  open_.emplace(outputs_.size(), waiting{from, &ev});
  outputs_.push_back({rec, from.partition, ev.record().offset, test_output::delivery::pending});
  return output_port::verdict::accepted;
}

void delivery_desk::committed(int32_t partition, int64_t offset, const outgoing_record& rec) {
  outputs_.push_back({rec, partition, offset, test_output::delivery::acknowledged});
}

delivery_desk::report delivery_desk::settle(size_t index, caf::error refused) {
  auto it = open_.find(index);
  report result{std::move(it->second.from), {it->second.ev, std::move(refused)}};
  open_.erase(it);
  outputs_[index].state = result.what.refused ? test_output::delivery::refused
                                              : test_output::delivery::acknowledged;
  return result;
}

std::vector<size_t> delivery_desk::unreported() const {
  std::vector<size_t> result;
  for (auto& [index, from] : open_)
    result.push_back(index);
  return result;
}

} // namespace keyloom::rig
