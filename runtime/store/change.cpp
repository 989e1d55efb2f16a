#include <keyloom/store/change.hpp>

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
