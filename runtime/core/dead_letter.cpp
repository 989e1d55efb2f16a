#include "runtime/core/dead_letter.hpp"

namespace keyloom::core::dead_letter {

namespace {

bool is_own(std::string_view name) {
  return name.starts_with(prefix);
}

/// Without half a character at its end.
std::string shortened(std::string text) {
  if (text.size() <= longest_error)
    return text;
  auto size = longest_error;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
    --size;
  text.resize(size);
  return text;
}

} // namespace

outgoing_record undo(const std::string& to, const record& letter) {
  outgoing_record result{.topic = to};
  if (letter.has_key())
    result.key.emplace(letter.key);
  if (letter.has_value())
    result.value.emplace(letter.value);
  if (letter.timestamp_ms >= 0)
    result.timestamp_ms = letter.timestamp_ms;
  for (auto rest = letter.headers; auto each = rest.take();) {
    if (is_own(each->name))
      continue;
    auto& copy = result.headers.emplace_back();
    copy.name = each->name;
    if (each->value)
      copy.value.emplace(*each->value);
  }
  return result;
}

outgoing_record make(const std::string& to, const record& failed, const circumstances& what) {
  auto result = undo(to, failed);
  auto add = [&result](const char* name, std::string value) {
    result.headers.push_back({std::string{prefix} + name, std::move(value)});
  };
  add("topic", what.topic);
  add("partition", std::to_string(what.partition));
  add("offset", std::to_string(what.offset));
  if (!what.stage.empty())
    add("stage", what.stage);
  add("error", shortened(what.error));
  add("attempts", std::to_string(what.attempts));
  add("time", std::to_string(what.time_ms));
  return result;
}

bool is_one(const record& rec) {
  for (auto rest = rec.headers; auto each = rest.take();)
    if (is_own(each->name))
      return true;
  return false;
}

} // namespace keyloom::core::dead_letter
