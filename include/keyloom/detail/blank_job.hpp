// The first step of giving a stage or batcher work: a blank job that knows its key.
#pragma once

#include <keyloom/detail/turn.hpp>

#include <functional>

namespace keyloom::detail {

/// Copies the key unless it is the record's own. A key without memory: no key.
inline job& blank_job(turn& turn, uint32_t stage, std::string_view key) {
  auto& blank = turn.blank_job(stage);
  auto& input = turn.input();
  if (key.data() == input.key.data() && key.size() == input.key.size() && input.has_key()) {
    blank.key = input.key; // lives as long as the event
    blank.key_hash = input.key_hash;
  } else if (key.data() == nullptr) {
    blank.key = {};
    blank.key_hash = 0;
  } else {
    blank.own_key.assign(key);
    blank.key = blank.own_key;
    blank.key_hash = std::hash<std::string_view>{}(key);
  }
  return blank;
}

} // namespace keyloom::detail
