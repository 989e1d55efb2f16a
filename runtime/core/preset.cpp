#include <keyloom/preset.hpp>

#include <algorithm>
#include <array>
#include <thread>

namespace keyloom {

namespace {

constexpr std::array presets{standard, compute_bound, fast_network, slow_network, wide_network};

} // namespace

stage_limits preset::limits() const {
  auto cores = std::max(1u, std::thread::hardware_concurrency()); // 0: unknown
  return {std::max(1u, per_core * cores), waiting_per_worker, concurrent_keys};
}

std::optional<preset> find_preset(std::string_view name) {
  for (const auto& each : presets)
    if (each.name == name)
      return each;
  return std::nullopt;
}

} // namespace keyloom
