// How a turn's changes come to the change log: encoded at once, in their order. Implemented by the
// runtime (runtime/core/store_turns.hpp) and by fakes in tests. One thread: the partition's.
#pragma once

#include <keyloom/store/change.hpp>
#include <keyloom/store/keyed_store.hpp>

#include <concepts>
#include <stdexcept>

namespace keyloom::detail {

class change_recorder {
public:
  /// Keeps a copy of a change that the store has applied.
  virtual void record(const change& what) = 0;

  /// The store failed while it applied a change: whether it did is not known.
  virtual void damage() = 0;

protected:
  ~change_recorder() = default;
};

/// A change that the ready-made stores encode.
template <class Store, class Change>
concept encodable = requires(Store& store, const Change& what) {
  { store.encode(what) } -> std::same_as<encoded_change>;
};

/// Applies a change to the store and records it, as it is now. Throws what codecs and store throw,
/// or a caf::error of the store as std::runtime_error; the turn fails then.
template <class Store, class Change>
void record_change(Store& store, change_recorder& to, Change&& what, std::string_view type = {},
                   std::span<const header> headers = {}) {
  auto apply = [&](auto&& each) {
    try {
      if constexpr (std::is_convertible_v<decltype(store.apply(std::forward<decltype(each)>(each))),
                                          caf::error>) {
        if (caf::error problem = store.apply(std::forward<decltype(each)>(each)))
          throw std::runtime_error(describe(problem));
      } else {
        store.apply(std::forward<decltype(each)>(each));
      }
    } catch (...) {
      to.damage();
      throw;
    }
  };
  auto encoded_headers = headers.empty() ? std::string{} : encode_headers(headers);
  header_block block{encoded_headers.data(), static_cast<uint32_t>(encoded_headers.size())};
  // As it comes back from the log: there the type is a header.
  std::string room;
  auto as_restored = [&room](change each) {
    if (each.type.empty())
      each.type = each.headers.find("type").value_or(std::string_view{});
    each.headers = without_type(each.headers, room);
    return each;
  };
  if constexpr (encodable<Store, std::remove_cvref_t<Change>>) {
    auto bytes = store.encode(what); // before `what` may be moved, and before anything happens
    apply(std::forward<Change>(what));
    to.record(as_restored(bytes.view(type, block)));
  } else {
    change view = what;
    if (!type.empty())
      view.type = type;
    if (!headers.empty())
      view.headers = block;
    view = as_restored(view);
    apply(std::as_const(view));
    to.record(view);
  }
}

} // namespace keyloom::detail
