// The producer of a testkit: keeps what was released, in order, and reports when and as the test
// says. Its queue has as much room as the test gives it. One thread.
#pragma once

#include "runtime/core/partition.hpp"

#include <keyloom/testkit.hpp>

namespace keyloom::rig {

class delivery_desk {
public:
  /// Who sent a record: a partition, in one of its assignments.
  struct sender {
    int32_t partition = 0;
    uint64_t epoch = 0;
    core::work_memory_ptr memory; ///< keeps the event until the report
  };

  /// As core::output_port.
  core::output_port::verdict produce(sender from, core::event& ev, const outgoing_record& rec,
                                     caf::error& reason);

  struct report {
    sender to;
    core::delivery what;
  };

  /// An output of a transaction that is committed.
  void committed(int32_t partition, int64_t offset, const outgoing_record& rec);

  /// Reports on the output at `index`, which waits for it.
  report settle(size_t index, caf::error refused);

  /// The process died: nobody waits for reports any more.
  void forget() { open_.clear(); }

  const std::vector<test_output>& outputs() const { return outputs_; }

  /// Indexes of the outputs that wait for a report, in the order they were sent.
  std::vector<size_t> unreported() const;
  size_t unreported_count() const { return open_.size(); }
  bool waits(size_t index) const { return open_.contains(index); }

  size_t room = SIZE_MAX; ///< records that the queue still takes
  std::function<bool(const outgoing_record&)> refuses;

private:
  struct waiting {
    sender from;
    core::event* ev = nullptr;
  };

  std::vector<test_output> outputs_;
  std::map<size_t, waiting> open_;
};

} // namespace keyloom::rig
