// A change of a store: what one entry of its change log says. A store is any class with
// `apply(const change&)`: it is called while the store is restored, once for each entry that the
// compacted log still has, in their order; and when a turn records a change. So a change sets the
// last value of a key, and never adds a difference to it.
//
// The change log knows keys alone: entries of different types need different keys, too. Views,
// valid during the call. Any thread.
#pragma once

#include <keyloom/record.hpp>

#include <span>

namespace keyloom {

struct change {
  std::string_view key;
  std::optional<std::string_view> value; ///< none: the key is deleted
  std::string_view type = {};            ///< the entry's type, in its header `type`; empty: none
  header_block headers = {};             ///< others
};

/// Headers as a `header_block` reads them. No header may have more than 4 GiB.
std::string encode_headers(std::span<const header> headers);

/// Those that are not named `type`. They lie in `room` where they do not lie together.
header_block without_type(header_block all, std::string& room);

/// The headers of a block, which it need not outlive.
std::vector<header> decode_headers(header_block block);

} // namespace keyloom
