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

} // namespace keyloom
