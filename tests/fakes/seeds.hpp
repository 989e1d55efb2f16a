// Seeds for random tests: KEYLOOM_SEED=n in the environment asks for that one alone, else there are
// a few fixed ones and one that is new with every run. Whoever uses one says so in a failure:
// INFO(replay(seed)).
#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace keyloom::test {

inline std::vector<uint64_t> seeds() {
  if (const char* seed = std::getenv("KEYLOOM_SEED"))
    return {std::stoull(seed)};
  return {1, 2, 3, std::random_device{}()};
}

/// What a failed test says: its seed, and the command that runs it again.
inline std::string replay(uint64_t seed) {
  return "replay: KEYLOOM_SEED=" + std::to_string(seed) + " unit_tests \""
         + Catch::getResultCapture().getCurrentTestName() + '"';
}

} // namespace keyloom::test
