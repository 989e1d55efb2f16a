// What a turn may see and do. A context is valid during its turn only: never keep it, never use it
// from another thread. Everything a turn does is atomic: when it throws or returns an error, its
// outputs and jobs are dropped.
#pragma once

#include <keyloom/detail/turn.hpp>

#include <concepts>

namespace keyloom {

/// The store of a source that has none.
struct no_store {};

/// The part of a context that does not know the store's type.
class context_base {
public:
  explicit context_base(detail::turn& impl) : turn_(&impl) {}

  /// True in the turns of an interjection, which has no record behind it.
  bool is_interjection() const { return turn_->is_interjection(); }

  /// The record of the event; in a finalizer, too. Of an interjection: without key, value and
  /// headers, with offset and timestamp -1.
  const record& input() const { return turn_->input(); }
  const std::string& topic() const { return turn_->topic(); }
  int32_t partition() const { return turn_->partition_id(); }
  int64_t offset() const { return turn_->input().offset; }

  /// Wall-clock time of this turn.
  std::chrono::system_clock::time_point now() const { return turn_->now(); }

  /// Sends a record once this event is released (see `output_order`). Errors of the broker stop the
  /// partition; nothing is skipped.
  void forward(outgoing_record rec) { turn_->forward(std::move(rec)); }

  detail::turn& impl() { return *turn_; }

protected:
  detail::turn* turn_;
};

template <class Store = no_store>
class context : public context_base {
public:
  using context_base::context_base;

  /// Keeps the event open for work done by hand, outside of any stage: call the completion when it
  /// is done, once, from any thread; `finalizer(context<Store>&) -> outcome` is then called in the
  /// partition. Dropped when this turn fails. The turn returns `incomplete`.
  template <class Finalizer>
  job_completion job_complete(Finalizer finalizer) {
    static_assert(std::is_invocable_r_v<outcome, Finalizer&, context&>,
                  "the finalizer of job_complete takes (context<Store>&) and returns an outcome");
    return turn_->job_complete([f = std::move(finalizer)](detail::turn& later) mutable -> outcome {
      context ctx{later};
      return f(ctx);
    });
  }

  /// The partition's store. Const: change it with `record_change`.
  const Store& store() const {
    static_assert(!std::same_as<Store, no_store>, "this event_source has no store: name its type, "
                                                  "event_source<my_store>, and pass a factory");
    return *static_cast<const Store*>(turn_->store());
  }

  /// Applies a change to the store: calls its `apply(change)`. A turn that fails afterwards stops
  /// the partition, because a store of the user's own cannot undo.
  template <class Change>
  void record_change(Change&& change) {
    static_assert(
      requires(Store& store) { store.apply(std::forward<Change>(change)); },
      "the store needs a member function apply(change) that takes this change");
    turn_->store_changes();
    static_cast<Store*>(turn_->store())->apply(std::forward<Change>(change));
  }
};

} // namespace keyloom
