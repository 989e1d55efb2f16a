// What several event sources of one program may share: the threads of their blocking stages and the
// byte budget. Without it each source has its own.
//
//   keyloom::shared_resources common{512 << 20};
//   keyloom::event_source<> legs{system, {.group = "legs", .topic = "legs"}, common};
//   keyloom::event_source<> planes{system, {.group = "planes", .topic = "planes"}, common};
//
// A handle: copies are the same resources, which live as long as the last source that uses them or
// the last handle. Any thread.
#pragma once

#include <cstdint>
#include <memory>

namespace keyloom {

namespace detail {
struct resources; // actors/resources.hpp
} // namespace detail

class shared_resources {
public:
  /// `budget` in bytes, for all sources together; it takes the place of their own setting `budget`.
  explicit shared_resources(uint64_t budget = 256 << 20);

  /// Bytes held now, of all sources.
  uint64_t held_bytes() const;

  /// Threads that were started for blocking stages; each source uses at most as many of them at
  /// once as its stages' concurrency adds up to.
  uint64_t threads() const;

  const std::shared_ptr<detail::resources>& impl() const { return impl_; }

private:
  std::shared_ptr<detail::resources> impl_;
};

} // namespace keyloom
