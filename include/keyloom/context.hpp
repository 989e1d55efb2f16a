// What a turn may see and do. A context is valid during its turn only: never keep it, never use it
// from another thread. Everything a turn does is atomic: when it throws or returns an error, its
// outputs and jobs are dropped.
#pragma once

#include <keyloom/detail/change_recorder.hpp>
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

  /// The same for a record as it is, mostly the input: its key, value and headers go to `topic`, at
  /// the time of sending, and the key chooses the partition there. Cheaper than an outgoing_record
  /// made of it, and as safe: it is copied.
  void forward(const record& rec, std::string_view topic) { turn_->forward(rec, topic); }

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

  /// Changes the store, and with a change log records the change there, in one step:
  ///   ctx.record_change(ctx.store().set(key, value));     a ready-made store
  ///   ctx.record_change({.key = k, .value = bytes});      one of your own: calls apply(const
  ///   change&)
  /// The entry is made of what the change says now; it leaves with the event's outputs. When the
  /// turn fails the change is undone if the store can (the ready-made ones do); if not, the
  /// partition stops. Throws what `apply` throws or returns.
  void record_change(const change& what) { record_change<const change&>(what); }

  /// The same for what the store's `encode` makes a change of, as the ready-made stores do, with
  /// the entry's type and headers; or, in a source without a change log, for whatever else the
  /// store's `apply` takes.
  template <class Change>
  void record_change(Change&& what, std::string_view type = {},
                     std::span<const header> headers = {}) {
    static_assert(
      requires(Store& store) { store.apply(std::forward<Change>(what)); },
      "the store needs a member function apply(change) that takes this change");
    auto& store = *static_cast<Store*>(turn_->store_to_change());
    using plain = std::remove_cvref_t<Change>;
    if constexpr (detail::encodable<Store, plain> || std::same_as<plain, change>) {
      detail::record_change(store, turn_->recorder(), std::forward<Change>(what), type, headers);
    } else {
      turn_->unrecorded_change();
      store.apply(std::forward<Change>(what));
    }
  }
};

} // namespace keyloom
