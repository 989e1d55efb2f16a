// A run port that keeps what it is given until the test asks for an answer. Within a lane or slot
// jobs are worked on in order; across them the test chooses. Notes in `violations` what no run port
// should ever see.
#pragma once

#include "runtime/core/ports.hpp"

#include <compare>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace keyloom::fakes {

class fake_runs final : public core::run_port {
public:
  /// Where jobs wait: a lane (`stage` is `lanes`), or a slot of a stage.
  struct place {
    static constexpr uint32_t lanes = UINT32_MAX;
    uint32_t stage = lanes;
    uint32_t slot = 0;
    auto operator<=>(const place&) const = default;
  };

  void to_lane(uint32_t lane, core::run&& jobs) override {
    if (jobs.empty())
      violations.push_back("an empty run was sent to a lane");
    ++sent;
    waiting_[{place::lanes, lane}].append(std::move(jobs));
  }

  void to_key(uint32_t stage, uint32_t slot, core::run&& jobs) override {
    if (jobs.empty())
      violations.push_back("an empty run was sent to a slot");
    ++sent;
    check_holder(stage, slot, jobs);
    waiting_[{stage, slot}].append(std::move(jobs));
  }

  void to_batcher(uint32_t stage, core::run&& sets) override {
    if (batchers)
      batchers(stage, std::move(sets));
    else
      violations.push_back("a batcher, which this fake has none of, was given sets");
  }

  void key_idle(uint32_t stage, uint32_t slot) override {
    ++idle;
    if (holders_.erase({stage, slot}) == 0)
      violations.push_back("slot " + std::to_string(slot) + " became idle but was not taken");
    if (waiting_.contains({stage, slot}))
      violations.push_back("slot " + std::to_string(slot) + " became idle with jobs waiting");
  }

  /// Works on up to `limit` jobs of this place, or some more where a call takes several; the answer
  /// is for `partition::finished`.
  core::run answer(place at, uint32_t limit = UINT32_MAX) {
    auto it = waiting_.find(at);
    core::run result;
    result.memory = it->second.memory;
    auto& source = result.memory->source();
    while (result.count < limit && !it->second.empty()) {
      auto index = it->second.first->stage;
      auto& stage = *source.stages[index];
      core::process_next(stage, it->second, result);
      if (stage.kind() == processor_kind::blocking && source.retry_of(index).enabled()
          && stage.failure(*result.last) != nullptr)
        core::leave_unbegun(it->second, result);
    }
    if (it->second.empty())
      waiting_.erase(it);
    return result;
  }

  /// Takes the jobs that wait at a place, in order.
  std::vector<detail::job*> take(place at) {
    std::vector<detail::job*> result;
    auto jobs = waiting_.extract(at);
    while (auto* j = jobs ? jobs.mapped().take() : nullptr)
      result.push_back(j);
    return result;
  }

  /// The call of the first job at this place has begun, and lasts.
  void begin(place at) { waiting_.at(at).first->begun = true; }

  /// Places with jobs that wait, in a fixed order.
  std::vector<place> busy() const {
    std::vector<place> result;
    for (auto& [where, jobs] : waiting_)
      result.push_back(where);
    return result;
  }

  /// The keys of the jobs that wait at a place, in order.
  std::vector<std::string> keys_at(place at) const {
    std::vector<std::string> result;
    if (auto it = waiting_.find(at); it != waiting_.end())
      for (auto* j = it->second.first; j != nullptr; j = j->next)
        result.emplace_back(j->key);
    return result;
  }

  /// The slot that a key holds in a stage, or UINT32_MAX.
  uint32_t slot_of(uint32_t stage, std::string_view key) const {
    for (auto& [where, holder] : holders_)
      if (where.stage == stage && holder == key)
        return where.slot;
    return UINT32_MAX;
  }

  /// The batchers of the test, when it has some.
  std::function<void(uint32_t stage, core::run&& sets)> batchers;

  size_t sent = 0; ///< runs
  size_t idle = 0; ///< calls of key_idle
  std::vector<std::string> violations;

private:
  /// What a slot may hold, by the stage's mode.
  void check_holder(uint32_t stage, uint32_t slot, const core::run& jobs) {
    auto mode = jobs.memory->source().stages[stage]->mode();
    auto [it, taken] = holders_.try_emplace({stage, slot}, jobs.first->key);
    auto& holder = it->second;
    auto what = "slot " + std::to_string(slot) + " of stage " + std::to_string(stage);
    for (auto* j = jobs.first; j != nullptr && mode == stage_mode::by_key; j = j->next)
      if (j->key != holder)
        violations.push_back(what + " got a job of '" + std::string{j->key}
                             + "' while it was taken by '" + holder + "'");
    auto more = !taken && jobs.first->tried.made == 0; // else it is the same job, called again
    if (mode == stage_mode::unordered && (more || jobs.count > 1))
      violations.push_back(what + " is unordered and got a job while it had one");
    if (mode == stage_mode::by_partition)
      for (auto& [other, key] : holders_)
        if (other.stage == stage && other.slot != slot)
          violations.push_back(what + " is by_partition, but another slot is taken, too");
  }

  std::map<place, core::run> waiting_;
  std::map<place, std::string> holders_;
};

} // namespace keyloom::fakes
