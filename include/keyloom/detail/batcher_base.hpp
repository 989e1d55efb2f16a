// A batcher without its types: what the runtime calls. To a partition it is a stage, whose jobs are
// the sets of items that events add; who executes them is the batcher's own affair. `execute` runs
// on a worker's thread, `make_request` and `take_answer` on the batcher's, the rest as of a stage.
#pragma once

#include <keyloom/batcher_options.hpp>
#include <keyloom/detail/batch_job.hpp>
#include <keyloom/detail/stage_base.hpp>

namespace keyloom::detail {

class batcher_base : public stage_base {
public:
  batcher_base(std::string name, const batcher_options& options)
    : stage_base(std::move(name), processor_kind::batch,
                 {.limits = {}, .retry = options.retry, .on_error = options.on_error}, false),
      options_(options) {}

  const batcher_options& options() const { return options_; }

  /// Calls the user's function with a batch; what it throws comes out. An error is of all items
  /// that have none of their own. Not for handler actors.
  virtual caf::error execute(std::span<batch_entry* const> items) = 0;

  /// A copy of the batch for a handler actor, with its result blank; what copying throws comes out.
  virtual std::unique_ptr<job> make_request(std::span<batch_entry* const> items) = 0;

  /// Gives the items what the handler actor answered; an error when that fits no batch of them.
  virtual caf::error take_answer(job& request, std::span<batch_entry* const> items) = 0;

  // -- what a batcher never does as a stage ------------------------------------------------------
  void process(job&) final {}
  void process_run(std::span<job* const>) final {}
  void begin(std::unique_ptr<job>, completion_port_ptr) final {}
  bool copies_jobs() const final { return false; }
  const caf::error* failure(const job&) const final { return nullptr; }
  void lend(job&, job&) final {}
  void give_back(job&, job&) final {}

  /// Of every item of the set.
  void fail(job& j, caf::error reason) final {
    auto& set = static_cast<batch_job&>(j);
    for (size_t i = 0; i < set.size(); ++i)
      set.at(i).error = reason;
  }

private:
  batcher_options options_;
};

/// How an executor that is a handler actor is asked for batches of Item; handler_actor.hpp has it.
template <class Executor, class Item>
struct asking_executor;

} // namespace keyloom::detail
