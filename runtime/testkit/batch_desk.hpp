// The batchers of a session, and the batches under way, where they wait until the test answers
// them, in any order. One thread.
#pragma once

#include "runtime/core/batcher.hpp"
#include "runtime/core/ports.hpp"

#include <keyloom/source_config.hpp>

#include <map>

namespace keyloom::rig {

class batch_desk {
public:
  struct waiting_batch {
    uint64_t id = 0; ///< in the order they left; never used again
    uint32_t stage = 0;
    core::batch* items = nullptr;
  };

  batch_desk(const core::plan& source, const core::clock_port& clock, uint64_t seed);

  void add(uint32_t stage, core::run&& sets);
  void hurry(core::work_memory& of);
  void drop(const core::work_memory& of);

  /// Lets leave what leaves now.
  void let_leave();

  /// What partitions should hear.
  std::vector<core::batcher::news> take_news();

  /// Those under way, of a batcher or of all, in the order they left.
  std::vector<waiting_batch> under_way(std::optional<uint32_t> stage = std::nullopt) const;

  /// Null: it was answered, or never left.
  const waiting_batch* find(uint64_t id) const;

  /// The batch has its results.
  void executed(uint64_t id);

  std::optional<core::steady_time> next_deadline() const;
  const core::batcher& of(uint32_t stage) const { return *batchers_.at(stage); }

  /// As `event_source::state` shows it.
  batcher_state state_of(uint32_t stage) const;

  /// Of all batchers: sets that are not over.
  size_t sets() const;

  /// The process died.
  void clear();

private:
  void make_batchers();

  const core::plan& source_;
  const core::clock_port& clock_;
  uint64_t seed_;
  std::map<uint32_t, std::unique_ptr<core::batcher>> batchers_;
  std::map<uint64_t, waiting_batch> under_way_;
  uint64_t next_id_ = 1;
};

} // namespace keyloom::rig
