// The outside world as the partition sees it. The actors implement these; tests have fakes.
#pragma once

#include "runtime/core/order_gate.hpp"
#include "runtime/core/work_memory.hpp"

#include <span>

namespace keyloom::core {

class clock_port {
public:
  virtual ~clock_port() = default;
  virtual steady_time now() const = 0;
  virtual std::chrono::system_clock::time_point wall_now() const = 0;
};

/// Takes runs to where they are processed. What comes back goes to `partition::finished`.
class run_port {
public:
  virtual ~run_port() = default;
  /// Jobs of several keys for a lane; lanes work in the order they are given runs.
  virtual void to_lane(uint32_t lane, run&& jobs) = 0;
  /// Jobs of one key, behind all earlier runs of the same stage and slot.
  virtual void to_key(uint32_t stage, uint32_t slot, run&& jobs) = 0;
  /// Item sets for the batcher that this stage is.
  virtual void to_batcher(uint32_t stage, run&& sets) = 0;
  /// Everything given to this stage and slot has come back; the slot may be used for another key.
  virtual void key_idle(uint32_t stage, uint32_t slot) = 0;
};

/// Takes outputs to the producer.
class output_port {
public:
  virtual ~output_port() = default;
  enum class verdict { accepted, queue_full, refused };
  /// Never blocks. Each accepted record comes back in `partition::delivered`, once. `reason` is set
  /// when the record is refused.
  virtual verdict produce(event& ev, const outgoing_record& rec, caf::error& reason) = 0;

  struct output {
    event* ev;
    const outgoing_record* rec;
  };

  /// Several, in their order, as by `produce`. Returns how many were accepted: the first ones;
  /// `last` and `reason` are of the next one, `accepted` when there is none.
  virtual size_t produce_all(std::span<const output> outputs, verdict& last, caf::error& reason) {
    for (size_t i = 0; i < outputs.size(); ++i)
      if (last = produce(*outputs[i].ev, *outputs[i].rec, reason); last != verdict::accepted)
        return i;
    last = verdict::accepted;
    return outputs.size();
  }
};

/// The poller, as the partition sees it.
class intake_port {
public:
  virtual ~intake_port() = default;
  /// The poller had skipped this partition for lack of credit and may take records in again.
  virtual void credit_returned() = 0;
};

/// Hears of what people should know.
class incident_port {
public:
  virtual ~incident_port() = default;
  virtual void skipped(const caf::error& reason) = 0;
  /// A call failed and is made again after `wait`; `made`: calls so far.
  virtual void retrying(const caf::error& reason, uint32_t made, steady_time::duration wait) = 0;
  /// The event's dead letter is on its way.
  virtual void dead_lettered(const caf::error& reason) = 0;
  virtual void stopped(const caf::error& reason) = 0;
  /// An event of a partition that is traced (partition_meter), and was when it completed, is out.
  virtual void traced(const std::string& what) = 0;
};

} // namespace keyloom::core
