// What of a stage an inspector holds back: all of it, or the jobs of some keys. A value that does
// not change: the stage gives out the present one, so each partition goes on with the one it knows
// until it is told to look again, and its decisions about a key's order agree with each other.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace keyloom::detail {

struct pauses {
  bool stage = false;
  std::set<std::string, std::less<>> keys = {};

  bool empty() const { return !stage && keys.empty(); }

  /// A job with this key may not begin. A key without memory is none, and cannot be named.
  bool hold(std::string_view key) const {
    return stage || (!keys.empty() && key.data() != nullptr && keys.find(key) != keys.end());
  }
};

} // namespace keyloom::detail
