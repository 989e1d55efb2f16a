// Batchers: items that many events add, of many keys and partitions, are executed together.
//
//   auto write = source.batcher<leg>("write",
//     keyloom::blocking([&](keyloom::batch<leg>& batch) {       // a worker's thread, may wait
//       for (auto& item : batch)
//         if (!table.insert(item.value))
//           item.error = caf::make_error(...);                   // of this item alone
//     }),
//     [](context<>& ctx, keyloom::batch_items<leg>& items) {     // the event's callback
//       return items.error() ? outcome{items.error()} : complete;
//     },
//     {.max_batch_size = 500, .max_concurrent_batches = 4, .accumulation_delay = 20ms});
//   source.on<leg>("leg", json<leg>{}, [=](context<>& ctx, leg l) {
//     return write.add(ctx, l.tail, std::move(l));
//   });
//
// A key is in one batch at a time: its next items wait until that has been executed, and then may
// be several of several events. What one event adds is a *set*; its callback runs once, in the
// partition and with the store, when the last of its items has been executed (with retries: for the
// last time). An executor that throws, or returns an error, fails the items of its batch that have
// no error of their own.
#pragma once

#include <keyloom/context.hpp>
#include <keyloom/detail/batcher_base.hpp>
#include <keyloom/detail/blank_job.hpp>
#include <keyloom/owns_its_data.hpp>

#include <forward_list>
#include <vector>

namespace keyloom {

/// An item on its way, as executor and callback see it.
template <class Item>
struct batch_item : detail::batch_entry {
  explicit batch_item(Item&& x) : value(std::move(x)) {}

  // Beside `key`, `error` and `user_data`:
  Item value;
};

namespace detail {

template <class Item>
concept says_its_bytes = requires(const Item& x) {
  { byte_size(x) } -> std::convertible_to<uint64_t>;
};

template <class Item>
uint64_t bytes_of_item(const Item& x) {
  if constexpr (says_its_bytes<Item>)
    return byte_size(x);
  else if constexpr (std::convertible_to<const Item&, std::string_view>)
    return std::string_view{x}.size();
  else
    return sizeof(Item);
}

template <class Item>
struct item_set final : batch_job {
  std::vector<batch_item<Item>> items;
  std::forward_list<std::string> keys; ///< of items with another key than the set

  size_t size() const override { return items.size(); }
  batch_entry& at(size_t index) override { return items[index]; }
};

} // namespace detail

/// What is executed at once: items of any keys, of a key in the order added. Valid during the call.
template <class Item>
class batch {
public:
  class iterator {
  public:
    explicit iterator(detail::batch_entry* const* at) : at_(at) {}
    batch_item<Item>& operator*() const { return static_cast<batch_item<Item>&>(**at_); }
    batch_item<Item>* operator->() const { return &**this; }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const iterator&) const = default;

  private:
    detail::batch_entry* const* at_;
  };

  explicit batch(std::span<detail::batch_entry* const> items) : items_(items) {}

  iterator begin() const { return iterator{items_.data()}; }
  iterator end() const { return iterator{items_.data() + items_.size()}; }
  size_t size() const { return items_.size(); }
  batch_item<Item>& operator[](size_t index) const { return *iterator{&items_[index]}; }

private:
  std::span<detail::batch_entry* const> items_;
};

/// What one event has added: in the order added. Valid during the callback.
template <class Item>
class batch_items {
public:
  explicit batch_items(detail::item_set<Item>& set) : set_(&set) {}

  /// The key the set was added with.
  std::string_view key() const { return set_->key; }
  std::any& user_data() const { return set_->user_data; }

  auto begin() const { return set_->items.begin(); }
  auto end() const { return set_->items.end(); }
  size_t size() const { return set_->items.size(); }
  bool empty() const { return set_->items.empty(); }
  batch_item<Item>& operator[](size_t index) const { return set_->items[index]; }

  /// Of the first item that has one; empty when all went well.
  caf::error error() const {
    for (auto& each : set_->items)
      if (each.error)
        return each.error;
    return {};
  }

protected:
  detail::item_set<Item>* set_;
};

/// A set that is being made; valid during the turn that makes it.
template <class Item>
class new_batch_items : public batch_items<Item> {
public:
  using batch_items<Item>::batch_items;

  /// Adds items with the set's key.
  template <class... Items>
  new_batch_items& add(Items&&... items) {
    (put(set_->key, set_->key_hash, Item(std::forward<Items>(items))), ...);
    return *this;
  }

  /// Adds items with a key of their own, which is copied; a key without memory: each is alone.
  template <class... Items>
  new_batch_items& add_with_key(std::string_view key, Items&&... items) {
    if (key.data() != nullptr)
      key = set_->keys.emplace_front(key);
    auto hash = std::hash<std::string_view>{}(key);
    (put(key, hash, Item(std::forward<Items>(items))), ...);
    return *this;
  }

private:
  using batch_items<Item>::set_;

  void put(std::string_view key, uint64_t hash, Item&& x) {
    auto& item = set_->items.emplace_back(std::move(x));
    item.key = key;
    item.key_hash = hash;
    item.bytes = detail::bytes_of_item(item.value);
    set_->held_bytes += static_cast<int64_t>(sizeof item + item.bytes);
  }
};

/// A handle to a batcher; copy it into handlers and finalizers.
template <class Item>
class batcher_handle {
public:
  /// Made by `event_source::batcher`.
  explicit batcher_handle(uint32_t index) : index_(index) {}

  /// Adds items of one key, behind all earlier ones of it. The key is copied before the items are
  /// moved, so it may live in one of them. A key without memory means no order: each item is a key
  /// of its own; an empty key is a key. Without items the event waits behind those of its key, and
  /// then its callback runs. Returns `incomplete`, for the turn to return.
  template <class... Items>
  outcome add(context_base& ctx, std::string_view key, Items&&... some) const {
    static_assert((std::constructible_from<Item, Items&&> && ...),
                  "add takes (context&, std::string_view key, items...), each of the batcher's "
                  "Item or what one can be made of; for other keys use items().add_with_key()");
    if constexpr ((std::constructible_from<Item, Items&&> && ...))
      items(ctx, key).add(std::forward<Items>(some)...);
    return incomplete;
  }

  /// Begins a set, to `add` to it, `add_with_key`, and set user data; the turn then returns
  /// `incomplete`. It is sent at the end of the turn, as it is then. Each call begins another set,
  /// which has a callback of its own.
  new_batch_items<Item> items(context_base& ctx, std::string_view key) const {
    auto& blank = detail::blank_job(ctx.impl(), index_, key);
    if constexpr (owns_its_data<Item>)
      blank.copy_key(); // now: others read it while the set waits
    ctx.impl().submit(blank);
    return new_batch_items<Item>{static_cast<detail::item_set<Item>&>(blank)};
  }

  /// The batcher's place among the stages and batchers of its source.
  uint32_t index() const { return index_; }

private:
  uint32_t index_;
};

namespace detail {

/// Stands for a callback that was not given.
struct no_callback {};

template <class T>
concept callback_like = !std::same_as<T, batcher_options>;

template <class Function, class Item>
concept executes = requires(Function& f, batch<Item>& items) { f(items); }
                   && result_of<std::invoke_result_t<Function&, batch<Item>&>, void>;

template <class Executor>
concept calls_batches = processor_like<Executor> && Executor::kind == processor_kind::blocking
                        && requires(Executor& x) { x.call; };

template <class Executor>
concept asks_batches = processor_like<Executor> && Executor::kind == processor_kind::actor;

/// Executes with a blocking function.
template <class Executor, class Item>
struct calling_executor {
  using result = void;
  Executor executor;

  caf::error execute(std::span<batch_entry* const> items) {
    batch<Item> all{items};
    if constexpr (std::is_void_v<decltype(executor.call(all))>) {
      executor.call(all);
      return {};
    } else {
      caf::expected<void> answer = executor.call(all);
      return answer ? caf::error{} : answer.error();
    }
  }

  actor_port* port() { return nullptr; }
};

template <class Store, class Item, class Executing, class Callback>
class typed_batcher final : public batcher_base {
public:
  using request_type = typed_job<std::vector<Item>, typename Executing::result>;

  typed_batcher(std::string name, const batcher_options& options, Executing executing,
                Callback callback)
    : batcher_base(std::move(name), options), executing_(std::move(executing)),
      callback_(std::move(callback)) {}

  std::unique_ptr<job> make_job() const override { return std::make_unique<item_set<Item>>(); }

  bool owns_jobs() const override { return owns_its_data<Item>; }

  caf::error execute(std::span<batch_entry* const> items) override {
    if constexpr (requires { executing_.execute(items); })
      return executing_.execute(items);
    else
      return {};
  }

  std::unique_ptr<job> make_request([[maybe_unused]] std::span<batch_entry* const> items) override {
    if constexpr (std::copy_constructible<Item>) {
      auto result = std::make_unique<request_type>();
      result->own_key = name();
      result->key = result->own_key;
      result->payload.emplace();
      result->payload->reserve(items.size());
      for (auto& each : batch<Item>{items})
        result->payload->push_back(each.value);
      return result;
    } else {
      return nullptr;
    }
  }

  caf::error take_answer(job& request, std::span<batch_entry* const> items) override {
    auto& answer = *static_cast<request_type&>(request).result;
    if (!answer)
      return answer.error();
    if constexpr (!std::is_void_v<typename Executing::result>) {
      auto& errors = answer->of_items;
      if (!errors.empty() && errors.size() != items.size())
        return caf::make_error(errc::batch_failed,
                               "the handler actor answered " + std::to_string(errors.size())
                                 + " errors for a batch of " + std::to_string(items.size())
                                 + " items; it must have one for each, or none");
      for (size_t i = 0; i < errors.size(); ++i)
        items[i]->error = std::move(errors[i]);
    }
    return {};
  }

  outcome finalize(turn& t, job& j) override {
    batch_items<Item> items{cast(j)};
    if constexpr (std::is_same_v<Callback, no_callback>) {
      return items.error();
    } else {
      context<Store> ctx{t};
      return callback_(ctx, items);
    }
  }

  void clear(job& j) override {
    auto& set = cast(j);
    set.items.clear();
    set.keys.clear();
    set.user_data.reset();
  }

  actor_port* handlers() override { return executing_.port(); }

private:
  static item_set<Item>& cast(job& j) { return static_cast<item_set<Item>&>(j); }

  Executing executing_;
  Callback callback_;
};

} // namespace detail

} // namespace keyloom
