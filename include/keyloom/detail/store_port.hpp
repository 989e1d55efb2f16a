// A store of whatever type, as the runtime sees it, and the adapter that recognises what a user's
// class has. With a change log it needs `apply(const change&)`, which may return a
// caf::error. Optional:
//   begin_restore()        before the change log is applied to it
//   restored()             behind that
//   size(), digest()       shown in the source's state; a digest must not depend on an order
//   static constexpr keyloom::store_scope store_scope = ...   what a turn may read; scope.hpp
//   begin_turn(), end_turn(), undo_turn(), reads()            as keyed_store has them
// What a store throws becomes an error. One thread: the partition's.
#pragma once

#include <keyloom/errc.hpp>
#include <keyloom/store/change.hpp>
#include <keyloom/store/reads.hpp>
#include <keyloom/store/scope.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <utility>

namespace keyloom {

/// A store that a change log can restore.
template <class Store>
concept restorable_store = requires(Store& store, const change& what) { store.apply(what); };

/// A store that takes back what a turn changed.
template <class Store>
concept undoing_store = requires(Store& store) {
  store.begin_turn();
  store.end_turn();
  store.undo_turn();
};

/// A store that notes what a turn reads.
template <class Store>
concept noting_store = undoing_store<Store> && requires(const Store& store) {
  { store.reads() } -> std::convertible_to<const store_reads&>;
};

/// What turns may read in a store of this type.
template <class Store>
constexpr store_scope scope_of() {
  if constexpr (requires {
                  { Store::store_scope } -> std::convertible_to<store_scope>;
                }) {
    static_assert(Store::store_scope != store_scope::tracked || noting_store<Store>,
                  "a store of scope `tracked` has begin_turn(), end_turn(), undo_turn() and "
                  "reads(), as keyloom::keyed_store does");
    return Store::store_scope;
  } else {
    return store_scope::partition;
  }
}

namespace detail {

class store_port {
public:
  virtual ~store_port() = default;

  /// The user's object.
  virtual void* object() = 0;
  virtual store_scope scope() const = 0;

  virtual caf::error begin_restore() = 0;
  virtual caf::error apply(const change& what) = 0;
  virtual caf::error restored() = 0;

  /// Whether it has `apply(const change&)`.
  virtual bool restorable() const = 0;

  /// Where the store has them.
  virtual std::optional<uint64_t> size() const = 0;
  virtual std::optional<uint64_t> digest() const = 0;

  virtual void begin_turn() = 0;
  virtual void end_turn() = 0;
  /// False: a store of this type cannot.
  virtual bool undo_turn() = 0;
  /// What the turn read; null where the store does not note it. Valid until `end_turn`.
  virtual const store_reads* reads() const = 0;
};

/// What a function of a store threw, or returned.
template <class Function>
caf::error error_of(const char* what, Function f) try {
  if constexpr (std::convertible_to<decltype(f()), caf::error>) {
    return f();
  } else {
    f();
    return {};
  }
} catch (const std::exception& ex) {
  return caf::make_error(errc::store_damaged,
                         std::string{"the store's "} + what + " threw: " + ex.what());
} catch (...) {
  return caf::make_error(errc::store_damaged, std::string{"the store's "} + what
                                                + " threw something that is no std::exception");
}

/// What a function of a store counts; none when it throws: it is only for show.
template <class Function>
std::optional<uint64_t> number_of(Function f) try {
  return static_cast<uint64_t>(f());
} catch (...) {
  return std::nullopt;
}

template <class Store>
class store_adapter final : public store_port {
public:
  explicit store_adapter(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  void* object() override { return store_.get(); }
  store_scope scope() const override { return scope_of<Store>(); }

  caf::error begin_restore() override {
    if constexpr (requires { store_->begin_restore(); })
      return error_of("begin_restore()", [this] { return store_->begin_restore(); });
    else
      return {};
  }

  caf::error apply([[maybe_unused]] const change& what) override {
    if constexpr (restorable_store<Store>)
      return error_of("apply()", [&] { return store_->apply(what); });
    else
      return caf::make_error(errc::bad_config, "the store has no apply(const keyloom::change&)");
  }

  bool restorable() const override { return restorable_store<Store>; }

  caf::error restored() override {
    if constexpr (requires { store_->restored(); })
      return error_of("restored()", [this] { return store_->restored(); });
    else
      return {};
  }

  std::optional<uint64_t> size() const override {
    if constexpr (requires(const Store& store) { static_cast<uint64_t>(store.size()); })
      return number_of([this] { return std::as_const(*store_).size(); });
    else
      return std::nullopt;
  }

  std::optional<uint64_t> digest() const override {
    if constexpr (requires(const Store& store) { static_cast<uint64_t>(store.digest()); })
      return number_of([this] { return std::as_const(*store_).digest(); });
    else
      return std::nullopt;
  }

  void begin_turn() override {
    if constexpr (undoing_store<Store>)
      store_->begin_turn();
  }

  void end_turn() override {
    if constexpr (undoing_store<Store>)
      store_->end_turn();
  }

  bool undo_turn() override {
    if constexpr (undoing_store<Store>)
      store_->undo_turn();
    return undoing_store<Store>;
  }

  const store_reads* reads() const override {
    if constexpr (scope_of<Store>() == store_scope::tracked)
      return &std::as_const(*store_).reads();
    else
      return nullptr;
  }

private:
  std::unique_ptr<Store> store_;
};

} // namespace detail
} // namespace keyloom
