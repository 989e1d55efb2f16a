// Where handler actors live: how many there are, who gets which, who is ended when; with CAF alone.
#include "tests/unit/actors/asking_rig.hpp"

#include <caf/scoped_actor.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <future>

using namespace keyloom;
using namespace keyloom::fakes;
using actors::handler_home;
using actors::handler_seat;
using manner = work::company::manner;

namespace {

/// Counts its instances by their states, as a user's actor with resources would.
struct census {
  std::atomic<int> alive{0};
  std::atomic<int> most{0};

  struct citizen {
    explicit citizen(census& of) : all(of) {
      auto now = ++all.alive;
      for (auto seen = all.most.load(); seen < now && !all.most.compare_exchange_weak(seen, now);) {
      }
    }
    ~citizen() { --all.alive; }
    census& all;
  };
};

struct counted_state {
  counted_state(caf::event_based_actor*, census& all) : self(all) {}
  caf::behavior make_behavior() {
    return {[this](const std::string&, int) { return ++jobs; }};
  }
  census::citizen self;
  int jobs = 0;
};

/// Handles exit messages itself, and does not quit.
struct deaf_state : counted_state {
  deaf_state(caf::event_based_actor* me, census& all, std::atomic<int>& ignored)
    : counted_state(me, all) {
    me->set_exit_handler([&ignored](caf::exit_msg&) { ++ignored; });
  }
};

auto counted(census& all) {
  return [&all](caf::actor_system& sys, const std::string&) {
    return sys.spawn<caf::stateful_actor<counted_state>>(std::ref(all));
  };
}

/// A home for the given form, and memory of partitions.
struct home_rig {
  template <class Processor>
  home_rig(caf::actor_system& system, Processor processor)
    : port(std::make_unique<typename Processor::template bound<int, int>>(std::move(processor))),
      home(actors::make_handler_home({system, *port, meter, log, "s"})) {}
  ~home_rig() { home->stop(); }

  core::work_memory_ptr new_partition() {
    return caf::make_counted<core::work_memory>(std::make_shared<core::plan>());
  }

  handler_seat::answer take(handler_seat& seat, const core::work_memory& memory,
                            std::string_view key, manner how = manner::among_others) {
    return seat.take({memory, key, std::hash<std::string_view>{}(key), how});
  }

  std::unique_ptr<handler_seat> seat(std::function<void()> woken = [] {}) {
    return home->new_seat(std::move(woken));
  }

  log::logger log{log::settings{log::level::off}};
  std::shared_ptr<core::stage_meter> meter = std::make_shared<core::stage_meter>();
  std::unique_ptr<detail::actor_port> port;
  std::shared_ptr<handler_home> home;
};

caf::actor idle_actor(caf::actor_system& sys) {
  return sys.spawn([]() -> caf::behavior { return {[](const std::string&, int x) { return x; }}; });
}

} // namespace

TEST_CASE("a pool makes as many actors as keys need, at most n, and gives each the least busy") {
  quiet_system with;
  home_rig rig{with.system, actor_pool(3, idle_actor)};
  auto memory = rig.new_partition();
  std::map<caf::actor_id, int> keys;
  std::vector<std::unique_ptr<handler_seat>> seats;
  for (int i = 0; i < 12; ++i) {
    seats.push_back(rig.seat());
    auto given = rig.take(*seats.back(), *memory, "k" + std::to_string(i));
    REQUIRE(given.instance != nullptr);
    ++keys[given.instance->id()];
  }
  CHECK(rig.meter->actors_made == 3);
  REQUIRE(keys.size() == 3);
  for (auto& [id, count] : keys)
    CHECK(count == 4);
  auto before = rig.take(*seats[5], *memory, "k5").instance;
  for (size_t i : {0, 3, 6, 9})
    seats[i]->leave();
  CHECK(rig.take(*seats[5], *memory, "k5").instance == before); // keeps to it while it has work
  auto freed = rig.take(*seats[0], *memory, "new").instance;
  CHECK(rig.take(*seats[3], *memory, "newer").instance == freed); // the least busy
}

TEST_CASE("a key finds its instance again, and other keys and partitions have their own") {
  quiet_system with;
  census all;
  {
    home_rig rig{with.system, per_key_actor(counted(all))};
    auto one = rig.new_partition(), two = rig.new_partition();
    auto a = rig.seat(), b = rig.seat(), c = rig.seat();
    auto first = rig.take(*a, *one, "k").instance;
    CHECK(rig.take(*b, *two, "k").instance != first);
    CHECK(rig.take(*c, *one, "other").instance != first);
    a->leave();
    CHECK(rig.take(*c, *one, "other").instance != first);
    c->leave();
    CHECK(rig.take(*c, *one, "k").instance == first);
    CHECK(rig.meter->actors_made == 3);
  }
  CHECK(all.alive == 0);
}

TEST_CASE("the instance that was idle for longest is evicted, and the key waits until it is gone") {
  quiet_system with;
  census all;
  home_rig rig{with.system, per_key_actor(counted(all), 3)};
  auto memory = rig.new_partition();
  auto seat = rig.seat();
  std::map<std::string, caf::actor_id> ids;
  for (auto key : {"a", "b", "c", "a"}) { // b is idle for longest
    ids[key] = rig.take(*seat, *memory, key).instance->id();
    seat->leave();
  }
  std::atomic<bool> woken{false};
  auto late = rig.seat([&] { woken = true; });
  auto given = rig.take(*late, *memory, "d");
  CHECK(given.instance == nullptr);
  CHECK_FALSE(given.reason);
  REQUIRE(soon([&] { return woken.load(); }));
  REQUIRE(rig.take(*late, *memory, "d").instance != nullptr);
  CHECK(all.most <= 3);
  CHECK(rig.meter->actors_evicted == 1);
  for (auto key : {"a", "c"}) {
    CHECK(rig.take(*seat, *memory, key).instance->id() == ids[key]);
    seat->leave();
  }
  CHECK(rig.meter->actors_made == 4);
}

TEST_CASE("an evicted instance that ignores it is killed, so that the key that waits gets on") {
  quiet_system with;
  census all;
  std::atomic<int> ignored{0};
  home_rig rig{with.system, per_key_actor(
                              [&](caf::actor_system& sys, const std::string&) {
                                return sys.spawn<caf::stateful_actor<deaf_state>>(
                                  std::ref(all), std::ref(ignored));
                              },
                              1)};
  auto memory = rig.new_partition();
  auto deaf = rig.seat(), late = rig.seat();
  REQUIRE(rig.take(*deaf, *memory, "deaf").instance != nullptr);
  deaf->leave();
  REQUIRE(soon([&] { return rig.take(*late, *memory, "late").instance != nullptr; }));
  CHECK(ignored == 1);
  CHECK(all.most == 1);
  CHECK(rig.meter->actors_evicted == 1);
}

TEST_CASE("an evicted instance that cannot even be killed gives its place away, once") {
  quiet_system with;
  std::promise<void> let_go;
  auto until_then = let_go.get_future().share();
  std::atomic<bool> begun{false};
  home_rig rig{with.system, per_key_actor(
                              [&](caf::actor_system& sys, const std::string& key) {
                                return sys.spawn<caf::detached>([&, key]() -> caf::behavior {
                                  if (key == "stuck") {
                                    begun = true;
                                    until_then.wait();
                                  }
                                  return {[](const std::string&, int x) { return x; }};
                                });
                              },
                              1)};
  auto memory = rig.new_partition();
  auto stuck = rig.seat(), next = rig.seat(), last = rig.seat();
  REQUIRE(rig.take(*stuck, *memory, "stuck").instance != nullptr);
  REQUIRE(soon([&] { return begun.load(); }));
  stuck->leave();
  REQUIRE(soon([&] { return rig.take(*next, *memory, "next").instance != nullptr; }));
  CHECK(rig.meter->actors_alive == 2);
  CHECK(rig.take(*last, *memory, "last").instance == nullptr); // there is one place
  let_go.set_value();
  REQUIRE(soon([&] { return rig.meter->actors_alive == 1; }));
  CHECK(rig.take(*last, *memory, "last").instance == nullptr); // it did not come twice
  next->leave();
  REQUIRE(soon([&] { return rig.take(*last, *memory, "last").instance != nullptr; }));
}

TEST_CASE(
  "an instance whose key has work is not evicted: others wait in line, first come first served") {
  quiet_system with;
  census all;
  home_rig rig{with.system, per_key_actor(counted(all), 1)};
  auto memory = rig.new_partition();
  auto busy = rig.seat();
  auto first = rig.take(*busy, *memory, "busy").instance;
  std::atomic<int> woken{0};
  auto second = rig.seat([&] { woken = woken * 10 + 2; });
  auto third = rig.seat([&] { woken = woken * 10 + 3; });
  CHECK(rig.take(*second, *memory, "second").instance == nullptr);
  CHECK(rig.take(*third, *memory, "third").instance == nullptr);
  CHECK(rig.take(*busy, *memory, "busy").instance == first);
  CHECK(rig.meter->actors_evicted == 0);
  busy->leave();
  REQUIRE(soon([&] { return woken == 2; }));
  CHECK(rig.take(*second, *memory, "second").instance != nullptr);
  second->leave();
  REQUIRE(soon([&] { return woken == 23; }));
  CHECK(rig.take(*third, *memory, "third").instance != nullptr);
  CHECK(all.most == 1);
}

TEST_CASE("a seat that leaves the line, or is destroyed in it, gives its turn to the next") {
  quiet_system with;
  census all;
  home_rig rig{with.system, per_key_actor(counted(all), 1)};
  auto memory = rig.new_partition();
  auto busy = rig.seat();
  REQUIRE(rig.take(*busy, *memory, "busy").instance != nullptr);
  std::atomic<bool> called{false}, woken{false};
  auto leaves = rig.seat();
  auto goes = rig.seat();
  auto quitter = rig.seat([&] { called = true; });
  auto last = rig.seat([&] { woken = true; });
  for (auto* each : {leaves.get(), goes.get(), quitter.get(), last.get()})
    CHECK(rig.take(*each, *memory, "k").instance == nullptr);
  leaves->leave();
  goes = nullptr;
  busy->leave();
  REQUIRE(soon([&] { return called.load(); }));
  quitter->leave(); // called, but does not come
  REQUIRE(soon([&] { return woken.load(); }));
  CHECK(rig.take(*last, *memory, "k").instance != nullptr);
}

TEST_CASE("an instance that died makes room, and its key gets another") {
  quiet_system with;
  census all;
  home_rig rig{with.system, per_key_actor(counted(all), 1)};
  auto memory = rig.new_partition();
  std::atomic<bool> woken{false};
  auto seat = rig.seat([&] { woken = true; });
  auto first = rig.take(*seat, *memory, "k").instance;
  actors::end(caf::actor_cast<caf::actor>(first), caf::exit_reason::kill);
  seat->lost_instance();
  REQUIRE(soon([&] { return rig.take(*seat, *memory, "k").instance != nullptr; }));
  CHECK(rig.take(*seat, *memory, "k").instance != first);
  CHECK(all.most == 1);
  CHECK(rig.meter->actors_made == 2);
  CHECK(rig.meter->actors_evicted == 0);
}

TEST_CASE(
  "I6: a partition that is given up loses its instances, also those with work, and no others") {
  quiet_system with;
  census all;
  home_rig rig{with.system, per_key_actor(counted(all))};
  auto gone = rig.new_partition(), stays = rig.new_partition();
  auto working = rig.seat(), idle = rig.seat(), other = rig.seat();
  rig.take(*working, *gone, "a");
  rig.take(*idle, *gone, "b");
  idle->leave();
  auto kept = rig.take(*other, *stays, "a").instance;
  gone->give_up();
  rig.home->partition_gone(*gone);
  REQUIRE(soon([&] { return rig.meter->actors_alive == 1; }));
  CHECK(rig.take(*idle, *gone, "b").reason == errc::wrong_state); // none is made any more
  CHECK(rig.take(*other, *stays, "a").instance == kept);
  working->leave();
  CHECK(rig.meter->actors_evicted == 0);
}

TEST_CASE("a job without a key has an instance to itself, which ends after it") {
  quiet_system with;
  census all;
  home_rig rig{with.system, per_key_actor(counted(all))};
  auto memory = rig.new_partition();
  auto a = rig.seat(), b = rig.seat(), empty = rig.seat();
  auto first = rig.take(*a, *memory, {}).instance;
  CHECK(rig.take(*b, *memory, {}).instance != first);
  rig.take(*empty, *memory, ""); // an empty key is a key
  for (auto* each : {a.get(), b.get(), empty.get()})
    each->leave();
  REQUIRE(soon([&] { return rig.meter->actors_alive == 1; }));
  CHECK(rig.meter->actors_made == 3);
}

TEST_CASE("a stop ends all instances, those that ignore it by force, and makes no more") {
  quiet_system with;
  std::atomic<int> deaf{0};
  home_rig rig{with.system, actor_pool(2, [&](caf::actor_system& sys) {
                 return sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
                   self->set_exit_handler([&](caf::exit_msg&) { ++deaf; });
                   return {[](const std::string&, int x) { return x; }};
                 });
               })};
  auto memory = rig.new_partition();
  auto a = rig.seat(), b = rig.seat();
  rig.take(*a, *memory, "a");
  rig.take(*b, *memory, "b");
  CHECK(rig.meter->actors_alive == 2);
  rig.home->stop();
  CHECK(rig.meter->actors_alive == 0);
  CHECK(deaf == 2);
  CHECK(rig.take(*a, *memory, "a").reason == errc::wrong_state);
}

TEST_CASE("a bare actor is neither made again nor ended") {
  quiet_system with;
  auto mine = idle_actor(with.system);
  {
    home_rig rig{with.system, bare_actor(mine)};
    auto memory = rig.new_partition();
    auto seat = rig.seat();
    CHECK(rig.take(*seat, *memory, "k").instance == caf::actor_cast<caf::strong_actor_ptr>(mine));
    seat->lost_instance();
    CHECK(rig.take(*seat, *memory, "k").reason == errc::no_handler_actor);
  }
  caf::scoped_actor self{with.system};
  self->request(mine, caf::infinite, std::string{"k"}, 7)
    .receive([](int x) { CHECK(x == 7); }, [](caf::error& reason) { FAIL(to_string(reason)); });
  actors::end(mine);
}

TEST_CASE("a seat that wants to be alone waits for those at its own instance, and they for it") {
  quiet_system with;
  census all;
  home_rig rig{with.system, actor_pool(2, [&](caf::actor_system& sys) {
                 return sys.spawn<caf::stateful_actor<counted_state>>(std::ref(all));
               })};
  auto memory = rig.new_partition();
  std::string woken;
  auto a = rig.seat([&] { woken += 'a'; }), b = rig.seat([&] { woken += 'b'; });
  auto c = rig.seat([&] { woken += 'c'; }), d = rig.seat([&] { woken += 'd'; });
  auto first = rig.take(*a, *memory, "a").instance;
  auto second = rig.take(*b, *memory, "b").instance;
  CHECK(first != second);
  CHECK_FALSE(rig.take(*c, *memory, "c", manner::alone).instance); // behind a
  CHECK(b->pass_on());
  CHECK_FALSE(a->pass_on());
  CHECK(woken == "c");
  CHECK(rig.take(*c, *memory, "c", manner::alone).instance == first);
  CHECK_FALSE(rig.take(*a, *memory, "a").instance);
  CHECK(rig.take(*d, *memory, "d").instance == second);
  c->leave();
  CHECK(woken == "ca");
  CHECK(rig.take(*a, *memory, "a").instance == first);
}

TEST_CASE("a seat is alone with a bare actor, and with a key's own, as with one of a pool") {
  quiet_system with;
  census all;
  auto mine = idle_actor(with.system);
  home_rig bare{with.system, bare_actor(mine)}, own{with.system, per_key_actor(counted(all))};
  for (auto* rig : {&bare, &own}) {
    auto memory = rig->new_partition();
    auto woken = 0;
    auto a = rig->seat(), b = rig->seat([&] { ++woken; });
    auto instance = rig->take(*a, *memory, "k").instance;
    CHECK_FALSE(rig->take(*b, *memory, "k", manner::alone).instance);
    a->pause();
    CHECK(woken == 1);
    CHECK(rig->take(*b, *memory, "k", manner::alone).instance == instance);
    CHECK_FALSE(rig->take(*a, *memory, "k").instance);
  }
  actors::end(mine);
}

TEST_CASE("a factory that gives a key another key's actor is told so, and the other key keeps it") {
  quiet_system with;
  auto mine = idle_actor(with.system);
  home_rig rig{with.system,
               per_key_actor([&](caf::actor_system&, const std::string&) { return mine; })};
  auto memory = rig.new_partition();
  auto a = rig.seat(), b = rig.seat();
  CHECK(rig.take(*a, *memory, "a").instance != nullptr);
  CHECK(rig.take(*b, *memory, "b").reason == errc::no_handler_actor);
  a->leave();
  b->leave();
  CHECK(rig.take(*b, *memory, "a").instance == caf::actor_cast<caf::strong_actor_ptr>(mine));
  CHECK(rig.meter->actors_made == 1);
  CHECK(rig.meter->actors_alive == 1);
}
