// What a failed test shows of its kit, and where its seed comes from.
#include <keyloom/testkit.hpp>

#include "runtime/testkit/session.hpp"

#include <cstdlib>

namespace keyloom {

namespace {

using std::to_string;

std::string sentence_of(const rig::seat& seat, int32_t number) {
  auto result = "  partition " + to_string(number) + ": "
                + to_string(seat.now ? seat.now->meter().state.load() : lifecycle::unassigned)
                + ", records to " + to_string(seat.log.end()) + ", committed "
                + to_string(seat.committed.value_or(-1));
  if (seat.now)
    result += ", position " + to_string(seat.now->position) + ", committable "
              + to_string(seat.now->core().committable()) + ", jobs "
              + to_string(seat.now->desk().size());
  if (!seat.stop_reason.empty())
    result += "; stopped: " + seat.stop_reason;
  return result + "\n";
}

std::string sentence_of(const std::string& stage, const std::vector<detail::test_job_view>& ready) {
  auto& first = ready.front();
  return "  stage '" + stage + "' waits for key '" + first.key + "' (partition "
         + to_string(first.partition) + ", offset " + to_string(first.offset) + ") and "
         + to_string(ready.size() - 1) + " others\n";
}

} // namespace

std::string testkit_base::describe() const {
  auto& producer = session_->producer();
  auto result = "keyloom testkit: seed " + to_string(seed())
                + " (again: KEYLOOM_SEED=" + to_string(seed()) + "), "
                + to_string(session_->steps()) + " steps, " + to_string(outputs().size())
                + " outputs, " + to_string(producer.unreported_count())
                + " of them not acknowledged, " + to_string(skips().size()) + " events skipped\n";
  int32_t number = 0;
  for (auto& seat : session_->seats())
    result += sentence_of(seat, number++);
  auto& stages = session_->source().stages;
  for (uint32_t stage = 0; stage < stages.size(); ++stage) {
    if (auto ready = session_->ready_jobs(stage); !ready.empty())
      result += sentence_of(stages[stage]->name(), ready);
    if (auto calls = session_->calls_under_way(stage); calls > 0)
      result += "  stage '" + stages[stage]->name() + "' has calls under way: " + to_string(calls)
                + "\n";
  }
  return result;
}

std::vector<uint64_t> test_seeds(uint64_t count) {
  if (auto* seed = std::getenv("KEYLOOM_SEED"))
    return {std::strtoull(seed, nullptr, 10)};
  std::vector<uint64_t> result;
  for (uint64_t seed = 1; seed <= count; ++seed)
    result.push_back(seed);
  return result;
}

} // namespace keyloom
