#include "tools/delay_actor.hpp"

#include <caf/sec.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <algorithm>
#include <chrono>
#include <queue>
#include <random>
#include <vector>

namespace keyloom::tools {

namespace {

using clock = std::chrono::steady_clock;

/// Answers that are due within this time of each other share a timer, and so come late by half of
/// it: 1 % of 10 ms.
constexpr caf::timespan tick = std::chrono::microseconds{200};

/// The longest timer, because a job that comes meanwhile may be due before those that wait.
constexpr caf::timespan longest = std::chrono::milliseconds{1};

struct delay_state {
  static inline const char* name = "keyloom.tools.delay";

  struct pending {
    clock::time_point due;
    caf::typed_response_promise<int64_t> answer;
    delay_job job;
    bool operator<(const pending& other) const { return due > other.due; }
  };

  explicit delay_state(delay_actor::pointer self) : self_(self) {}

  delay_actor::behavior_type make_behavior() {
    return {
      [this](const std::string&, const delay_job& job) -> caf::result<int64_t> {
        return take(job);
      },
      [this](wake_atom) { wake(); },
    };
  }

private:
  caf::result<int64_t> take(const delay_job& job) {
    if (job.delay_us <= 0) {
      if (fails(job.fail_rate))
        return caf::make_error(caf::sec::runtime_error, "failed on purpose (--fail-rate)");
      return job.delay_us;
    }
    auto answer = self_->make_response_promise<int64_t>();
    waiting_.push({clock::now() + std::chrono::microseconds{job.delay_us}, answer, job});
    if (!std::exchange(ticking_, true))
      wake_later();
    return answer;
  }

  void wake() {
    for (auto now = clock::now(); !waiting_.empty() && waiting_.top().due <= now; waiting_.pop()) {
      auto done = waiting_.top();
      if (fails(done.job.fail_rate))
        done.answer.deliver(
          caf::make_error(caf::sec::runtime_error, "failed on purpose (--fail-rate)"));
      else
        done.answer.deliver(done.job.delay_us);
    }
    ticking_ = !waiting_.empty();
    if (ticking_)
      wake_later();
  }

  void wake_later() {
    caf::timespan left = waiting_.top().due - clock::now();
    self_->delayed_send(self_, std::clamp(left, tick, longest), wake_atom_v);
  }

  delay_actor::pointer self_;
  std::priority_queue<pending> waiting_;
  bool ticking_ = false;
};

} // namespace

bool fails(double rate) {
  static thread_local std::minstd_rand generator{std::random_device{}()};
  return rate > 0 && std::uniform_real_distribution<double>{}(generator) < rate;
}

delay_actor spawn_delay_actor(caf::actor_system& system) {
  return system.spawn<delay_actor::stateful_impl<delay_state>>();
}

} // namespace keyloom::tools
