// Which keys of a partition have something in flight, for who looks inside: a row for each key in
// each stage, by its oldest event. Made for one look and thrown away: it is shown all jobs and all
// events, in whatever order they lie, and then has the oldest keys. One thread: the partition's.
#pragma once

#include "runtime/core/event.hpp"

#include <unordered_map>
#include <vector>

namespace keyloom::core {

class keys_in_flight {
public:
  struct row {
    const event* oldest = nullptr;
    const detail::job* job = nullptr; ///< of `oldest`, one that runs if any does; null: it has none
    uint64_t jobs = 0;                ///< of the key in this stage; passes count, too
    uint64_t calls = 0;               ///< of them: no passes
    bool running = false;             ///< one of them is
  };

  /// A job that an event waits for.
  void add(const detail::job& j);

  /// An event that is not out. Those that wait for jobs are known by these, and those that wait for
  /// their turn stand behind another of their key.
  void add(const event& ev);

  /// The rows with the oldest events, `most` at most, the oldest first.
  std::vector<row> oldest(size_t most) const;

private:
  struct place {
    uint64_t hash;
    uint32_t stage;
    bool operator==(const place&) const = default;
  };

  struct place_hash {
    size_t operator()(const place& x) const { return x.hash + x.stage; }
  };

  row& row_of(const event& ev, uint32_t stage, std::string_view key, uint64_t hash);

  std::unordered_map<place, row, place_hash> keyed_;
  std::vector<row> others_; ///< without a key: each is a key of its own
};

} // namespace keyloom::core
