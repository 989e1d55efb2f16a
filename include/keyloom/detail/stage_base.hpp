// A stage without its types: what the runtime calls. Made once by `event_source::stage`, shared by
// all partitions, unchanged after start. `process` runs on the processor's thread, the rest on the
// thread of the job's partition.
#pragma once

#include <keyloom/detail/job.hpp>
#include <keyloom/detail/turn.hpp>
#include <keyloom/preset.hpp>
#include <keyloom/processor.hpp>

#include <memory>
#include <string>

namespace keyloom::detail {

class actor_port; // handler_actor.hpp

class stage_base {
public:
  stage_base(std::string name, processor_kind kind, stage_limits limits)
    : name_(std::move(name)), kind_(kind), limits_(limits) {}
  virtual ~stage_base() = default;

  const std::string& name() const { return name_; }
  processor_kind kind() const { return kind_; }
  const stage_limits& limits() const { return limits_; }

  /// A new job of this stage's types, blank.
  virtual std::unique_ptr<job> make_job() const = 0;

  /// Calls the user's function; what it throws comes out. Not for handler actors.
  virtual void process(job& j) = 0;

  /// Sets the job's result to an error.
  virtual void fail(job& j, caf::error reason) = 0;

  /// Calls the user's finalizer with the job's result; what it throws comes out. Without a
  /// finalizer the result decides: an error fails the event, anything else completes it.
  virtual outcome finalize(turn& t, job& j) = 0;

  /// Makes the job blank again: destroys the user's objects in it.
  virtual void clear(job& j) = 0;

  /// How to reach the handler actor; null unless kind() is `actor`.
  virtual actor_port* handlers() = 0;

private:
  std::string name_;
  processor_kind kind_;
  stage_limits limits_;
};

} // namespace keyloom::detail
