// What a source leaves behind in its process: threads, descriptors (sockets, pipes, wake-ups) and
// actors. Two footprints are compared to see that a stop has given everything back (I9).
#pragma once

#include "tests/integration/broker_fixture.hpp"

#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <ostream>

namespace keyloom::test {

struct footprint {
  size_t threads = 0;
  size_t descriptors = 0;
  size_t actors = 0;

  bool operator==(const footprint&) const = default;

  /// Nothing more than `other` in any part. Less is well: an end of a connection that was closed
  /// before may still have been open when `other` was taken.
  bool is_within(const footprint& other) const {
    return threads <= other.threads && descriptors <= other.descriptors && actors <= other.actors;
  }

  /// As it is now. Counting needs a descriptor itself, which both sides of a comparison have.
  static footprint of(caf::actor_system& system) {
    auto entries = [](const char* folder) {
      auto all = std::filesystem::directory_iterator{folder};
      return static_cast<size_t>(std::distance(begin(all), end(all)));
    };
    return {entries("/proc/self/task"), entries("/proc/self/fd"), system.registry().running()};
  }

  friend std::ostream& operator<<(std::ostream& out, const footprint& x) {
    return out << x.threads << " threads, " << x.descriptors << " descriptors, " << x.actors
               << " actors";
  }
};

/// A thread's entry, or a descriptor at the embedded broker's end, may go a moment later.
inline void require_back_to(const footprint& before, caf::actor_system& system) {
  auto back = eventually([&] { return footprint::of(system).is_within(before); });
  INFO("before: " << before << "; now: " << footprint::of(system));
  REQUIRE(back);
}

} // namespace keyloom::test
