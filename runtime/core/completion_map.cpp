#include "runtime/core/completion_map.hpp"

#include "runtime/core/sealed_text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace keyloom::core {

namespace {

constexpr std::string_view magic = "keyloom:";
constexpr std::string_view prefix = "keyloom:1:";

// What the first byte says.
constexpr uint8_t has_topic = 1;
constexpr uint8_t has_runs = 2;
constexpr uint8_t has_bitmap = 4;
constexpr uint8_t has_mark = 8;

void put_varint(std::string& to, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    to += static_cast<char>((value & 0x7f) | 0x80);
  to += static_cast<char>(value);
}

/// Takes a varint off the front; false when there is none.
bool take_varint(std::string_view& from, uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 63; shift += 7) {
    if (from.empty())
      return false;
    auto byte = static_cast<uint8_t>(from.front());
    from.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return shift == 0 || byte != 0; // a number has one spelling
  }
  return false;
}

void put_mark(std::string& to, const commit_mark& mark) {
  for (unsigned shift = 0; shift < 64; shift += 8)
    to += static_cast<char>(mark.owner >> shift & 0xff);
  put_varint(to, mark.number);
  put_varint(to, static_cast<uint64_t>(mark.log_end + 1));
}

bool take_mark(std::string_view& from, commit_mark& mark) {
  if (from.size() < sizeof mark.owner)
    return false;
  for (unsigned shift = 0; shift < 64; shift += 8) {
    mark.owner |= static_cast<uint64_t>(static_cast<uint8_t>(from.front())) << shift;
    from.remove_prefix(1);
  }
  uint64_t behind_end = 0;
  if (!take_varint(from, mark.number) || !take_varint(from, behind_end))
    return false;
  mark.log_end = static_cast<int64_t>(behind_end) - 1;
  return true;
}

/// Bytes, and how far they reach: the end of the last run they name.
struct body {
  std::string bytes;
  int64_t reach = 0;
};

body runs_of(const std::vector<offset_run>& out, int64_t committed, size_t room) {
  body result{{}, committed};
  for (auto& run : out) {
    auto before = result.bytes.size();
    put_varint(result.bytes, static_cast<uint64_t>(run.begin - result.reach));
    put_varint(result.bytes, static_cast<uint64_t>(run.end - run.begin));
    if (result.bytes.size() > room) {
      result.bytes.resize(before);
      break;
    }
    result.reach = run.end;
  }
  return result;
}

/// Bit i of byte k stands for the offset committed + 8 * k + i.
body bitmap_of(const std::vector<offset_run>& out, int64_t committed, size_t room) {
  body result{{}, committed};
  auto end = committed + static_cast<int64_t>(room) * 8;
  for (auto& run : out) {
    if (run.begin >= end)
      break;
    result.reach = std::min(run.end, end);
    result.bytes.resize(static_cast<size_t>((result.reach - committed + 7) / 8), '\0');
    for (auto offset = run.begin; offset < result.reach; ++offset) {
      auto index = static_cast<size_t>(offset - committed);
      auto bits = static_cast<uint8_t>(result.bytes[index / 8]);
      result.bytes[index / 8] = static_cast<char>(bits | 1U << index % 8);
    }
  }
  return result;
}

bool read_runs(std::string_view from, int64_t committed, std::vector<offset_run>& out) {
  auto reach = static_cast<uint64_t>(committed);
  constexpr auto highest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  while (!from.empty()) {
    uint64_t gap = 0;
    uint64_t length = 0;
    if (!take_varint(from, gap) || !take_varint(from, length) || length == 0)
      return false;
    if ((gap == 0 && !out.empty()) || gap > highest - reach || length > highest - reach - gap)
      return false;
    auto begin = reach + gap;
    reach = begin + length;
    out.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(reach)});
  }
  return !out.empty();
}

bool read_bitmap(std::string_view from, int64_t committed, std::vector<offset_run>& out) {
  if (from.empty() || from.back() == '\0'
      || committed > std::numeric_limits<int64_t>::max() - static_cast<int64_t>(from.size()) * 8)
    return false;
  for (size_t index = 0; index < from.size() * 8; ++index) {
    if ((static_cast<uint8_t>(from[index / 8]) >> index % 8 & 1) == 0)
      continue;
    auto offset = committed + static_cast<int64_t>(index);
    if (!out.empty() && out.back().end == offset)
      ++out.back().end;
    else
      out.push_back({offset, offset + 1});
  }
  return true;
}

bool read(std::string_view from, int64_t committed, completion_map& map) {
  if (from.empty())
    return false;
  auto flags = static_cast<uint8_t>(from.front());
  from.remove_prefix(1);
  if ((flags & has_topic) != 0) {
    auto& topic = map.topic.emplace();
    if (from.size() < topic.size())
      return false;
    std::copy_n(from.begin(), topic.size(), topic.begin());
    from.remove_prefix(topic.size());
  }
  if ((flags & has_mark) != 0 && !take_mark(from, map.mark.emplace()))
    return false;
  switch (flags & ~(has_topic | has_mark)) {
    case 0:
      return from.empty();
    case has_runs:
      return read_runs(from, committed, map.out);
    case has_bitmap:
      return read_bitmap(from, committed, map.out);
    default:
      return false;
  }
}

bool is_newer(std::string_view metadata) {
  metadata.remove_prefix(magic.size());
  uint32_t version = 0;
  auto* end = metadata.data() + metadata.size();
  auto [rest, problem] = std::from_chars(metadata.data(), end, version);
  return problem == std::errc{} && rest != end && *rest == ':' && version > 1;
}

} // namespace

std::string encode(const completion_map& map, int64_t committed, size_t limit) {
  auto room = limit < prefix.size() ? 0 : sealed_room(limit - prefix.size());
  std::string bytes(1, '\0');
  if (map.topic)
    bytes.append(map.topic->begin(), map.topic->end());
  if (map.mark)
    put_mark(bytes, *map.mark);
  if (room < bytes.size())
    return {};
  room -= bytes.size();
  auto runs = runs_of(map.out, committed, room);
  auto bitmap = bitmap_of(map.out, committed, room);
  auto shorter = bitmap.reach > runs.reach
                 || (bitmap.reach == runs.reach && bitmap.bytes.size() < runs.bytes.size());
  auto& chosen = shorter ? bitmap : runs;
  if (!map.topic && !map.mark && chosen.bytes.empty())
    return {};
  auto flags = (map.topic ? has_topic : 0) | (map.mark ? has_mark : 0);
  if (!chosen.bytes.empty())
    flags |= shorter ? has_bitmap : has_runs;
  bytes[0] = static_cast<char>(flags);
  return std::string{prefix} + seal(bytes + chosen.bytes, committed);
}

decoded_metadata decode(std::string_view metadata, int64_t committed) {
  if (metadata.empty())
    return {};
  if (!metadata.starts_with(magic))
    return {metadata_kind::foreign, {}};
  if (is_newer(metadata))
    return {metadata_kind::newer, {}};
  if (!metadata.starts_with(prefix) || committed < 0)
    return {metadata_kind::damaged, {}};
  auto bytes = unseal(metadata.substr(prefix.size()), committed);
  decoded_metadata result{metadata_kind::map, {}};
  if (!bytes || !read(*bytes, committed, result.map))
    return {metadata_kind::damaged, {}};
  return result;
}

void drop_before(std::vector<offset_run>& runs, int64_t committed) {
  auto first = std::find_if(runs.begin(), runs.end(),
                            [committed](const offset_run& run) { return run.end > committed; });
  runs.erase(runs.begin(), first);
  if (!runs.empty())
    runs.front().begin = std::max(runs.front().begin, committed);
}

} // namespace keyloom::core
