// What becomes of the jobs of handler actors that answer, fail, die, and do not answer; with CAF
// alone.
#include "tests/unit/actors/asking_rig.hpp"

#include <caf/blocking_actor.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>

using namespace keyloom;
using namespace keyloom::fakes;

namespace {

using doubler = caf::typed_actor<caf::result<int>(std::string, int)>;

std::vector<int> numbers(int from, int count) {
  std::vector<int> result;
  for (int i = 0; i < count; ++i)
    result.push_back(from + i);
  return result;
}

/// Answers with the double; throws on jobs that `deadly` names.
auto doubling_unless(std::function<bool(int)> deadly) {
  return [deadly](caf::actor_system& sys) {
    return sys.spawn([deadly]() -> caf::behavior {
      return {[deadly](const std::string&, int x) {
        if (deadly(x))
          throw std::runtime_error("a bad job");
        return 2 * x;
      }};
    });
  };
}

/// What an actor does not answer.
struct promises {
  std::vector<caf::typed_response_promise<int>> held;
};

} // namespace

TEST_CASE("I3: a typed handler actor answers by value, and each key's jobs come back in order") {
  quiet_system with;
  asking_rig<int> rig{with.system, shared_actor([](caf::actor_system& sys) {
                        return sys.spawn([]() -> doubler::behavior_type {
                          return {[](const std::string&, int x) { return 2 * x; }};
                        });
                      })};
  for (auto key : {"a", "b", "c"})
    rig.send(key, numbers(0, 50));
  std::map<std::string, std::vector<int>> by_key;
  for (auto& [key, job, result] : rig.wait(150)) {
    REQUIRE(result);
    CHECK(*result == 2 * job);
    by_key[key].push_back(job);
  }
  CHECK(by_key.size() == 3);
  for (auto& [key, jobs] : by_key)
    CHECK(jobs == numbers(0, 50));
}

TEST_CASE(
  "I3: a promise is awaited before the key's next job is sent, other keys are asked at once") {
  quiet_system with;
  struct held {
    std::vector<std::pair<std::string, caf::typed_response_promise<int>>> promises;
  };
  // Answers once three keys wait: the second job of a key would come too early otherwise.
  asking_rig<int> rig{with.system, shared_actor([](caf::actor_system& sys) {
                        return sys.spawn([](caf::stateful_actor<held>* self) -> caf::behavior {
                          return {[self](const std::string& key, int) -> caf::result<int> {
                            auto promise = self->make_response_promise<int>();
                            auto& waiting = self->state.promises;
                            auto same = [&](auto& each) { return each.first == key; };
                            if (std::any_of(waiting.begin(), waiting.end(), same))
                              return caf::make_error(errc::wrong_state,
                                                     "two jobs of a key at once");
                            waiting.emplace_back(key, promise);
                            if (waiting.size() == 3)
                              for (auto& [each, answer] : std::exchange(waiting, {}))
                                answer.deliver(1);
                            return promise;
                          }};
                        });
                      })};
  for (auto key : {"a", "b", "c"})
    rig.send(key, numbers(0, 20));
  auto results = rig.wait(60);
  REQUIRE(results.size() == 60);
  for (auto& each : results)
    CHECK(each.result);
}

TEST_CASE("the actor's own error is the job's result, and the actor lives on") {
  quiet_system with;
  asking_rig<int> rig{with.system, shared_actor([](caf::actor_system& sys) {
                        return sys.spawn([]() -> caf::behavior {
                          return {[](const std::string&, int x) -> caf::result<int> {
                            if (x == 1)
                              return caf::make_error(caf::sec::runtime_error, "no such thing");
                            return x;
                          }};
                        });
                      })};
  rig.send("k", {0, 1, 2});
  auto results = rig.wait(3);
  REQUIRE(results.size() == 3);
  CHECK(results[0].result);
  CHECK(results[1].result.error() == caf::sec::runtime_error);
  CHECK(results[2].result);
  CHECK(rig.meter().actors_made == 1);
}

TEST_CASE(
  "a blocking actor's own error counts as its answer, though it cannot be asked if it lives") {
  quiet_system with;
  asking_rig<int> rig{with.system, shared_actor([](caf::actor_system& sys) -> caf::actor {
                        return sys.spawn([](caf::blocking_actor* self) {
                          auto goes_on = true;
                          self->receive_while(goes_on)(
                            [](const std::string&, int x) -> caf::result<int> {
                              if (x == 1)
                                return caf::make_error(caf::sec::runtime_error, "no such thing");
                              return x;
                            },
                            [&](const caf::exit_msg&) { goes_on = false; });
                        });
                      })};
  rig.send("k", {0, 1, 2});
  auto results = rig.wait(3);
  REQUIRE(results.size() == 3);
  CHECK(results[0].result);
  CHECK(results[1].result.error() == caf::sec::runtime_error);
  CHECK(results[2].result);
}

TEST_CASE(
  "an actor that throws on every hundredth job: that one is tried once more, the rest goes on") {
  quiet_system with;
  auto tries = std::make_shared<std::atomic<int>>(0);
  asking_rig<int> rig{with.system, shared_actor(doubling_unless([tries](int x) {
                        auto bad = x % 100 == 99;
                        *tries += bad ? 1 : 0;
                        return bad;
                      }))};
  constexpr int keys = 20, jobs = 250;
  for (int k = 0; k < keys; ++k)
    rig.send("k" + std::to_string(k), numbers(0, jobs));
  std::map<std::string, std::vector<int>> by_key;
  for (auto& [key, job, result] : rig.wait(size_t{keys} * jobs)) {
    by_key[key].push_back(job);
    if (job % 100 == 99)
      CHECK(result.error() == errc::handler_actor_died);
    else
      CHECK(result == caf::expected<int>{2 * job});
  }
  REQUIRE(by_key.size() == keys);
  for (auto& [key, done] : by_key)
    CHECK(done == numbers(0, jobs));
  CHECK(*tries == keys * 2 * 2); // jobs 99 and 199 of each key
  CHECK(rig.meter().actors_made
        == static_cast<uint64_t>(*tries) + 1); // the first, and one after each death
}

TEST_CASE("a key that waits for a place is not kept from it by an instance that will not end") {
  quiet_system with;
  auto deaf = [](caf::actor_system& sys, const std::string&) {
    return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
      self->set_exit_handler([](caf::exit_msg&) {});
      return {[](const std::string&, int x) { return x; }};
    });
  };
  asking_rig<int> rig{with.system, per_key_actor(deaf, 1)};
  for (auto key : {"a", "b", "c"})
    rig.send(key, {1});
  CHECK(rig.wait(3).size() == 3);
  CHECK(rig.meter().actors_evicted == 2);
}

TEST_CASE("the last result finds no request under way, nor does the end of a key actor leave one") {
  quiet_system with;
  auto kept = std::make_shared<std::atomic<int>>(0);
  struct promises {
    std::vector<caf::typed_response_promise<int>> kept;
  };
  asking_rig<int> rig{
    with.system, shared_actor([kept](caf::actor_system& sys) {
      return sys.spawn([kept](caf::stateful_actor<promises>* self) -> caf::behavior {
        return {[self, kept](const std::string& key, int x) -> caf::result<int> {
          if (key != "kept")
            return x;
          ++*kept;
          return self->state.kept.emplace_back(self->make_response_promise<int>());
        }};
      });
    })};
  for (size_t round = 1; round <= 200; ++round) {
    rig.send("a", {1});
    rig.send("b", {1});
    REQUIRE(rig.wait(2 * round).size() == 2 * round);
    REQUIRE(rig.meter().running == 0);
  }
  rig.send("kept", {1, 2});
  REQUIRE(soon([&] { return rig.meter().running == 1 && *kept == 1; }));
  rig.shared.alive.kill_all();
  rig.shared.alive.wait();
  CHECK(rig.meter().running == 0);
}

TEST_CASE("a job to be tried again does not keep a place from the key that got its instance") {
  quiet_system with;
  auto first = std::make_shared<std::atomic<bool>>(true);
  auto fragile = [first](caf::actor_system& sys, const std::string&) {
    return sys.spawn([first]() -> caf::behavior {
      return {[first](const std::string&, int x) {
        if (x == 3 && first->exchange(false))
          throw std::runtime_error("the first time");
        return x;
      }};
    });
  };
  asking_rig<int> rig{with.system, per_key_actor(fragile, 1), 1};
  rig.send("a", numbers(0, 6));
  rig.send("b", numbers(0, 6)); // waits for the instance that a has
  auto results = rig.wait(12);
  REQUIRE(results.size() == 12);
  for (auto& each : results)
    CHECK(each.result);
}

TEST_CASE("a job whose first try died with its actor succeeds at the next instance") {
  quiet_system with;
  auto first = std::make_shared<std::atomic<bool>>(true);
  asking_rig<int> rig{with.system, shared_actor(doubling_unless(
                                     [first](int x) { return x == 3 && first->exchange(false); }))};
  rig.send("k", numbers(0, 6));
  auto results = rig.wait(6);
  REQUIRE(results.size() == 6);
  for (auto& each : results)
    CHECK(each.result == caf::expected<int>{2 * each.job});
  CHECK(rig.meter().actors_made == 2);
}

TEST_CASE(
  "jobs that an actor held when it died are tried once more, alone, and others are not lost") {
  quiet_system with;
  struct held {
    std::vector<caf::typed_response_promise<int>> promises;
  };
  auto generation = std::make_shared<std::atomic<int>>(0);
  // The first instance keeps 20 jobs and dies of the next; the second one answers.
  asking_rig<int> rig{with.system, shared_actor([generation](caf::actor_system& sys) {
                        auto first = (*generation)++ == 0;
                        return sys.spawn([first](caf::stateful_actor<held>* self) -> caf::behavior {
                          return {[self, first](const std::string&, int x) -> caf::result<int> {
                            if (!first)
                              return x;
                            if (self->state.promises.size() == 20)
                              throw std::runtime_error("too many");
                            return self->state.promises.emplace_back(
                              self->make_response_promise<int>());
                          }};
                        });
                      })};
  for (int k = 0; k < 30; ++k)
    rig.send("k" + std::to_string(k), numbers(0, 10));
  auto results = rig.wait(300);
  REQUIRE(results.size() == 300);
  for (auto& each : results)
    CHECK(each.result);
  CHECK(rig.meter().actors_made == 2);
}

TEST_CASE("an actor that dies as soon as it is made fails its jobs in the end") {
  quiet_system with;
  asking_rig<int> rig{with.system, shared_actor([](caf::actor_system& sys) {
                        return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
                          self->quit(caf::exit_reason::user_shutdown);
                          return {[](const std::string&, int x) { return x; }};
                        });
                      })};
  rig.send("k", {1, 2});
  auto results = rig.wait(2);
  REQUIRE(results.size() == 2);
  for (auto& each : results)
    CHECK(each.result.error() == errc::handler_actor_died);
}

TEST_CASE("a dynamically typed actor that answers with another type fails the job, and lives on") {
  quiet_system with;
  asking_rig<int> rig{with.system, shared_actor([](caf::actor_system& sys) {
                        return sys.spawn([]() -> caf::behavior {
                          return {[](const std::string&, int x) -> caf::result<caf::message> {
                            return x == 1 ? caf::make_message("a text") : caf::make_message(x);
                          }};
                        });
                      })};
  rig.send("k", {0, 1, 2});
  auto results = rig.wait(3);
  REQUIRE(results.size() == 3);
  CHECK(results[0].result);
  CHECK(results[1].result.error() == errc::wrong_result_type);
  CHECK(results[2].result);
  CHECK(rig.meter().actors_made == 1);
}

TEST_CASE("a dynamically typed actor that does not take the job fails it") {
  quiet_system with;
  asking_rig<int> rig{with.system, shared_actor([](caf::actor_system& sys) {
                        return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
                          self->set_default_handler(caf::drop);
                          return {[](const std::string&) { return 1; }};
                        });
                      })};
  rig.send("k", {0});
  CHECK(rig.wait(1)[0].result.error() == errc::wrong_result_type);
}

TEST_CASE("a dropped promise is tried once more, then fails its job") {
  quiet_system with;
  auto asked = std::make_shared<std::atomic<int>>(0);
  asking_rig<int> rig{with.system, shared_actor([asked](caf::actor_system& sys) {
                        return sys.spawn([asked](caf::event_based_actor* self) -> caf::behavior {
                          return {[self, asked](const std::string&, int x) -> caf::result<int> {
                            if (x != 1)
                              return x;
                            ++*asked;
                            auto dropped = self->make_response_promise<int>();
                            return dropped;
                          }};
                        });
                      })};
  rig.send("k", {0, 1, 2});
  auto results = rig.wait(3);
  REQUIRE(results.size() == 3);
  CHECK(results[1].result.error() == errc::handler_actor_died);
  CHECK(results[2].result);
  CHECK(*asked == 2);
}

TEST_CASE(
  "a factory that throws or returns no actor fails the job with its reason, and is tried again") {
  quiet_system with;
  auto calls = std::make_shared<std::atomic<int>>(0);
  asking_rig<int> rig{with.system, shared_actor([calls](caf::actor_system& sys) -> caf::actor {
                        switch ((*calls)++) {
                          case 0:
                            throw std::runtime_error("no database");
                          case 1:
                            return {};
                          default:
                            return sys.spawn([]() -> caf::behavior {
                              return {[](const std::string&, int x) { return x; }};
                            });
                        }
                      })};
  rig.send("k", {0, 1, 2, 3});
  auto results = rig.wait(4);
  REQUIRE(results.size() == 4);
  CHECK(results[0].result.error() == errc::no_handler_actor);
  CHECK(describe(results[0].result.error()) == "the handler actor's factory threw: no database");
  CHECK(describe(results[1].result.error()) == "the handler actor's factory returned no actor");
  CHECK(results[2].result);
  CHECK(results[3].result);
  CHECK(*calls == 3);
}

TEST_CASE(
  "I5: a request that takes too long fails its job once; its key goes on, and the late answer "
  "is counted") {
  quiet_system with;
  struct held {
    caf::typed_response_promise<int> first;
  };
  // Answers job 0 when job 2 comes, which it does not before its key has gone on.
  auto make = [](caf::actor_system& sys) {
    return sys.spawn([](caf::stateful_actor<held>* self) -> caf::behavior {
      return {[self](const std::string&, int x) -> caf::result<int> {
        if (x == 0) {
          self->state.first = self->make_response_promise<int>();
          return self->state.first;
        }
        if (x == 2)
          self->state.first.deliver(0);
        return x;
      }};
    });
  };
  asking_rig<int> rig{with.system, shared_actor(make), 1, std::chrono::milliseconds{20}};
  rig.send("k", {0, 1, 2, 3});
  auto results = rig.wait(4);
  REQUIRE(results.size() == 4);
  CHECK(results[0].result.error() == errc::timed_out);
  for (int i = 1; i < 4; ++i)
    CHECK(results[static_cast<size_t>(i)].result == caf::expected<int>{i});
  CHECK(rig.meter().late_answers == 1);
  CHECK(rig.meter().running == 0);
}

TEST_CASE("a request that was answered has no deadline any more, nor has its key") {
  quiet_system with;
  auto make = [](caf::actor_system& sys) {
    return sys.spawn([](caf::stateful_actor<promises>* self) -> caf::behavior {
      return {[self](const std::string& key, int x) -> caf::result<int> {
        if (key != "never")
          return x;
        auto held = self->make_response_promise<int>();
        self->state.held.push_back(held);
        return held;
      }};
    });
  };
  asking_rig<int> rig{with.system, shared_actor(make), 1000, std::chrono::milliseconds{20}};
  rig.send("k", {1});
  rig.wait(1);
  rig.send("never", {2}); // its deadline comes after the other's would
  auto results = rig.wait(2);
  REQUIRE(results.size() == 2);
  CHECK(results[0].result == caf::expected<int>{1});
  CHECK(results[1].result.error() == errc::timed_out);
  rig.send("k", {3});
  CHECK(rig.wait(3).at(2).result == caf::expected<int>{3});
}

TEST_CASE("I5: jobs that are tried again after their actor died time out once") {
  quiet_system with;
  auto made = std::make_shared<std::atomic<int>>(0);
  // The first instance dies with both jobs, the second answers neither.
  auto make = [made](caf::actor_system& sys) {
    return sys.spawn([number = ++*made](caf::stateful_actor<promises>* self) -> caf::behavior {
      return {[self, number](const std::string&, int x) -> caf::result<int> {
        if (x == 1 && number == 1)
          throw std::runtime_error{"on purpose"};
        if (x > 1)
          return x;
        auto held = self->make_response_promise<int>();
        self->state.held.push_back(held);
        return held;
      }};
    });
  };
  asking_rig<int> rig{with.system, shared_actor(make), 1000, std::chrono::milliseconds{50}};
  rig.send("k", {0});
  rig.send("m", {1});
  auto results = rig.wait(2);
  REQUIRE(results.size() == 2);
  for (auto& each : results)
    CHECK(each.result.error() == errc::timed_out);
  rig.send("k", {2});
  CHECK(rig.wait(3).at(2).result == caf::expected<int>{2});
  CHECK(rig.meter().running == 0);
}

TEST_CASE("no more requests are under way than the stage's concurrency") {
  quiet_system with;
  auto running = std::make_shared<std::atomic<int>>(0);
  auto most = std::make_shared<std::atomic<int>>(0);
  asking_rig<int> rig{with.system,
                      actor_pool(8,
                                 [running, most](caf::actor_system& sys) {
                                   return sys.spawn([running, most]() -> caf::behavior {
                                     return {[running, most](const std::string&, int x) {
                                       auto now = ++*running;
                                       for (auto seen = most->load();
                                            seen < now
                                            && !most->compare_exchange_weak(seen, now);) {}
                                       --*running;
                                       return x;
                                     }};
                                   });
                                 }),
                      3};
  for (int k = 0; k < 20; ++k)
    rig.send("k" + std::to_string(k), numbers(0, 50));
  CHECK(rig.wait(1000).size() == 1000);
  CHECK(*most <= 3);
  CHECK(rig.meter().running == 0);
}

TEST_CASE(
  "I6: a key actor that is retired begins nothing more and ends when its last answer has come") {
  quiet_system with;
  struct held {
    std::vector<caf::typed_response_promise<int>> promises;
  };
  std::atomic<int> asked{0};
  caf::actor handler = with.system.spawn([&](caf::stateful_actor<held>* self) -> caf::behavior {
    return {[&, self](const std::string&, int) -> caf::result<int> {
              ++asked;
              return self->state.promises.emplace_back(self->make_response_promise<int>());
            },
            [self](caf::ok_atom) {
              for (auto& each : self->state.promises)
                each.deliver(1);
            }};
  });
  {
    asking_rig<int> rig{with.system, bare_actor(handler)};
    rig.send("a", {1, 2});
    rig.send("b", {1});
    REQUIRE(soon([&] { return asked == 2; }));
    rig.give_up();
    rig.send("c", {1}); // comes after the retirement
    actors::post(handler, caf::ok_atom_v);
    rig.shared.alive.wait(); // it ends without being killed
    CHECK(asked == 2);
  }
  actors::end(handler);
}
