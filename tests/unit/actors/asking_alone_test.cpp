// Jobs that are tried once more, after their handler actor died with them: each alone, so that no
// neighbour can take it down again; with CAF alone.
#include "tests/unit/actors/asking_rig.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <mutex>

using namespace keyloom;
using namespace keyloom::fakes;

namespace {

bool bad(int job) {
  return job % 10 == 9;
}

/// What instances saw, over all of them.
struct witness {
  std::mutex mutex;
  std::map<int, int> tries; ///< by job; guarded by mutex
  std::atomic<int> not_alone{0};
};

/// Answers with the job, but not at once; throws on bad ones, and takes down what it holds.
struct fragile_state {
  fragile_state(caf::event_based_actor* me, witness& of) : self(me), seen(of) {}

  caf::behavior make_behavior() {
    return {[this](const std::string&, int x) { return take(x); },
            [this](caf::ok_atom) {
              for (auto& [answer, value] : std::exchange(held, {}))
                answer.deliver(value);
              alone = false;
            }};
  }

  caf::result<int> take(int x) {
    std::unique_lock lock{seen.mutex};
    auto again = ++seen.tries[x] > 1;
    lock.unlock();
    if (alone || (again && !held.empty()))
      ++seen.not_alone;
    alone |= again;
    if (bad(x))
      throw std::runtime_error("a bad job");
    if (held.empty())
      self->send(self, caf::ok_atom_v);
    held.emplace_back(self->make_response_promise<int>(), x);
    return held.back().first;
  }

  caf::event_based_actor* self;
  witness& seen;
  std::vector<std::pair<caf::typed_response_promise<int>, int>> held;
  bool alone = false; ///< with a job that is tried once more
};

auto fragile(witness& seen) {
  return [&seen](caf::actor_system& sys) {
    return sys.spawn<caf::stateful_actor<fragile_state>>(std::ref(seen));
  };
}

template <class Processor>
void no_innocent_fails(Processor processor, uint32_t concurrency, witness& seen) {
  quiet_system with;
  constexpr int keys = 25, jobs = 60;
  asking_rig<int> rig{with.system, processor, concurrency};
  for (int k = 0; k < keys; ++k) { // each key has its bad jobs elsewhere
    std::vector<int> own;
    for (int i = 0; i < jobs; ++i)
      own.push_back(k * 1000 + (i + k * 7) % jobs);
    rig.send("k" + std::to_string(k), own);
  }
  std::map<std::string, int> done;
  auto results = rig.wait(size_t{keys} * jobs);
  REQUIRE(results.size() == size_t{keys} * jobs);
  for (auto& [key, job, result] : results) {
    auto k = std::stoi(key.substr(1));
    CHECK(job == k * 1000 + (done[key]++ + k * 7) % jobs);
    if (bad(job))
      CHECK(result.error() == errc::handler_actor_died);
    else
      CHECK(result == caf::expected<int>{job});
    if (bad(job))
      CHECK(seen.tries[job] == 2);
    else
      CHECK(seen.tries[job] <= 2);
  }
  CHECK(seen.not_alone == 0);
  CHECK(rig.meter().running == 0);
}

struct asked {
  std::atomic<int> dropped{0};
  std::atomic<int> slow{0};
};

/// Holds its jobs by their keys. It drops the promise of "dropped" when "slow" has come, as if they
/// had not got on, and never answers "slow". When "dropped" comes again, it answers, or dies of
/// what it does for "slow".
struct dropping_state {
  dropping_state(caf::event_based_actor* me, asked& of, bool dies)
    : self(me), seen(of), dies_of_slow(dies) {}

  caf::behavior make_behavior() {
    return {[this](const std::string& key, int x) -> caf::result<int> {
              auto again = ++(key == "slow" ? seen.slow : seen.dropped) > 1;
              if (again && (!dies_of_slow || seen.dropped > 2))
                return x;
              auto answer = held[key] = self->make_response_promise<int>();
              if (again)
                self->send(self, caf::ok_atom_v);
              else if (held.size() == 2)
                held.erase("dropped");
              return answer;
            },
            [](caf::ok_atom) { throw std::runtime_error("the slow job's doing"); }};
  }

  caf::event_based_actor* self;
  asked& seen;
  bool dies_of_slow;
  std::map<std::string, caf::typed_response_promise<int>> held;
};

auto dropping(asked& seen, bool dies_of_slow = false) {
  return [&seen, dies_of_slow](caf::actor_system& sys) {
    return sys.spawn<caf::stateful_actor<dropping_state>>(std::ref(seen), dies_of_slow);
  };
}

} // namespace

TEST_CASE(
  "I3: no innocent job fails however many of its neighbours kill a shared actor, and keys stay "
  "in order") {
  witness seen;
  no_innocent_fails(shared_actor(fragile(seen)), 1000, seen);
}

TEST_CASE("no innocent job fails, nor do jobs wait for each other for ever, in a pool with fewer "
          "places than instances") {
  for (uint32_t places : {1, 2, 3, 7}) {
    witness seen;
    no_innocent_fails(actor_pool(3, fragile(seen)), places, seen);
  }
}

TEST_CASE("a job that waits to be alone is not yet a call that could take too long") {
  quiet_system with;
  asked seen;
  asking_rig<int> rig{with.system, shared_actor(dropping(seen)), 1000,
                      std::chrono::milliseconds{50}};
  rig.send("dropped", {1}); // its first deadline comes before that of the job it then waits for
  rig.send("slow", {2});
  auto results = rig.wait(2);
  REQUIRE(results.size() == 2);
  CHECK(results[0].result.error() == errc::timed_out);
  CHECK(results[0].key == "slow");
  CHECK(results[1].result == caf::expected<int>{1});
}

TEST_CASE("a death that a request which took too long may have caused is nobody else's") {
  quiet_system with;
  asked seen;
  asking_rig<int> rig{with.system, shared_actor(dropping(seen, true)), 1000,
                      std::chrono::milliseconds{50}};
  rig.send("dropped", {1});
  rig.send("slow", {2});
  auto results = rig.wait(2);
  REQUIRE(results.size() == 2);
  CHECK(results[1].result == caf::expected<int>{1});
  CHECK(seen.dropped == 3);
}

TEST_CASE(
  "I6, I9: a job that waits to be alone when its partition is given up is not tried again") {
  quiet_system with;
  asked seen;
  auto mine = dropping(seen)(with.system);
  {
    asking_rig<int> rig{with.system, bare_actor(mine)};
    rig.send("dropped", {1, 2});
    rig.send("slow", {1});
    REQUIRE(soon([&] { return seen.slow == 1 && rig.meter().running == 1; }));
    rig.give_up();
    actors::end(mine); // breaks the promise of the slow one
    rig.shared.alive.wait();
  }
  CHECK(seen.dropped == 1);
}
