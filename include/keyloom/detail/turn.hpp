// What the runtime lends to a handler or finalizer while it runs: the erased side of `context`.
// Implemented by the partition (runtime/core/partition.hpp) and by fakes in tests. Used on the
// partition's thread, during a turn only.
#pragma once

#include <keyloom/detail/job.hpp>
#include <keyloom/job_completion.hpp>
#include <keyloom/outcome.hpp>
#include <keyloom/record.hpp>

#include <chrono>
#include <functional>

namespace keyloom::detail {

class change_recorder;

class turn {
public:
  virtual const record& input() const = 0;
  virtual bool is_interjection() const = 0;
  virtual const std::string& topic() const = 0;
  virtual int32_t partition_id() const = 0;
  virtual std::chrono::system_clock::time_point now() const = 0;

  /// Keeps an output until the event is released; dropped when the turn fails.
  virtual void forward(outgoing_record&& rec) = 0;

  /// The same for a record as it is, its key, value and headers.
  virtual void forward(const record& rec, std::string_view topic) = 0;

  /// A blank job of this stage for the caller to fill and `submit`.
  virtual job& blank_job(uint32_t stage) = 0;

  /// Schedules a filled job at the end of this turn; dropped when the turn fails.
  virtual outcome submit(job& filled) = 0;

  /// Keeps the event open until the completion is called; `finalizer` is the turn that follows
  /// then.
  virtual job_completion job_complete(std::function<outcome(turn&)> finalizer) = 0;

  /// The store of the partition, to read; null in a source without one.
  virtual void* store() = 0;

  /// The same, to change it by changes that go to `recorder`.
  virtual void* store_to_change() = 0;
  virtual change_recorder& recorder() = 0;

  /// The turn is about to change the store in a way that no change log can tell, and nobody can
  /// undo. Throws in a source with a change log.
  virtual void unrecorded_change() = 0;

protected:
  ~turn() = default;
};

} // namespace keyloom::detail
