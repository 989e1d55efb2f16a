#include "runtime/testkit/assignment.hpp"

namespace keyloom::rig {

assignment::assignment(surroundings around, int32_t number, core::progress start, uint64_t epoch)
  : position(start.offset), around_(std::move(around)), number_(number), epoch_(epoch),
    desk_(*around_.source, around_.clock, around_.next_job, around_.batches),
    core_(around_.source->config.topic, number, std::move(start),
          {around_.source, around_.totals, around_.stages, false, false, around_.seed}, meter_,
          {desk_, *this, *this, *this, around_.clock}) {
  // nop
}

core::output_port::verdict assignment::produce(core::event& ev, const outgoing_record& rec,
                                               caf::error& reason) {
  return around_.producer.produce({number_, epoch_, core_.memory()}, ev, rec, reason);
}

} // namespace keyloom::rig
