#include <keyloom/store/change.hpp>

#include <utility>

namespace keyloom {

std::string encode_headers(std::span<const header> headers) {
  std::string result;
  for (auto& each : headers) {
    uint32_t sizes[2] = {static_cast<uint32_t>(each.name.size()), header_block::null_size};
    if (each.value)
      sizes[1] = static_cast<uint32_t>(each.value->size());
    result.append(reinterpret_cast<const char*>(sizes), sizeof sizes);
    result += each.name;
    result += each.value.value_or("");
  }
  return result;
}

header_block without_type(header_block all, std::string& room) {
  room.clear();
  const auto* end = all.data(); // of the others, as far as they lie together
  auto apart = false;
  auto passed_type = false;
  for (auto rest = all; !rest.empty();) {
    const auto* begin = rest.data();
    if (rest.take()->name == "type") {
      passed_type = true;
      continue;
    }
    if (passed_type && !std::exchange(apart, true))
      room.assign(all.data(), end);
    if (apart)
      room.append(begin, rest.data());
    end = rest.data();
  }
  if (apart)
    return {room.data(), static_cast<uint32_t>(room.size())};
  return {all.data(), static_cast<uint32_t>(end - all.data())};
}

std::vector<header> decode_headers(header_block block) {
  std::vector<header> result;
  while (auto each = block.take()) {
    auto& copy = result.emplace_back(header{std::string{each->name}, std::nullopt});
    if (each->value)
      copy.value.emplace(*each->value);
  }
  return result;
}

} // namespace keyloom
