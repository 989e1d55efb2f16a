// The batcher actor without partitions and brokers: what it does with messages, executors and time.
#include "tests/fakes/bomb.hpp"
#include "tests/unit/actors/batcher_rig.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::fakes;
using namespace std::chrono_literals;
using lists = batcher_rig::lists;
using values = std::vector<int>;

namespace {

constexpr auto never = std::chrono::milliseconds{24h};

/// Dies with a batch that has a 13.
caf::actor make_mortal(caf::actor_system& sys) {
  return sys.spawn([]() -> caf::behavior {
    return {[](const std::string&, const std::vector<int>& items) {
      if (std::ranges::count(items, 13) > 0)
        throw std::runtime_error{"13"};
      return batch_errors{};
    }};
  });
}

/// Takes what it is asked and does not answer.
caf::actor make_silent(caf::actor_system& sys) {
  using promise = caf::typed_response_promise<batch_errors>;
  return sys.spawn([](caf::stateful_actor<std::vector<promise>>* self) -> caf::behavior {
    return {[self](const std::string&, const std::vector<int>&) -> caf::result<batch_errors> {
      return self->state.emplace_back(self->make_response_promise<batch_errors>());
    }};
  });
}

} // namespace

TEST_CASE("partial batches leave after their delay, one after the other") {
  batcher_rig rig{{.max_batch_size = 9, .accumulation_delay = 5ms}};
  auto& p = rig.partitions[0];
  rig.held.let_go(3);
  for (int i = 0; i < 3; ++i) {
    rig.add(p, "a", {i});
    REQUIRE(p.back->wait(static_cast<size_t>(i) + 1).size() == static_cast<size_t>(i) + 1);
  }
  CHECK(rig.held.wait(3) == lists{{0}, {1}, {2}});
}

TEST_CASE("the items of a partition that drains leave without their delay, also those that come "
          "later") {
  batcher_rig rig{{.max_batch_size = 9, .accumulation_delay = never}};
  auto& p = rig.partitions[0];
  rig.held.let_go(2);
  rig.add(p, "a", {1});
  rig.drain(p);
  CHECK(p.back->wait(1) == values{1});
  rig.add(p, "a", {2});
  CHECK(p.back->wait(2) == values{1, 2});
}

TEST_CASE("I6: what has not begun of a partition that was given up never begins, and its memory is "
          "let go of") {
  batcher_rig rig{{.max_batch_size = 9, .accumulation_delay = never}};
  auto& gone = rig.partitions[0];
  auto& stays = rig.partitions[1];
  rig.held.let_go(1);
  rig.add(gone, "a", {1});
  rig.give_up(gone);
  REQUIRE(soon([&] { return gone.gone->load(); }));
  rig.add(stays, "a", {2});
  rig.drain(stays);
  CHECK(stays.back->wait(1) == values{2});
  CHECK(rig.held.wait(1) == lists{{2}});
  CHECK(gone.back->wait(0).empty());
}

TEST_CASE("I3, I6: a batch under way of a partition that was given up holds its memory, comes back "
          "nowhere, and ends for the other partitions") {
  batcher_rig rig{{.max_batch_size = 2, .accumulation_delay = never}};
  auto& gone = rig.partitions[0];
  auto& stays = rig.partitions[1];
  rig.add(gone, "a", {1});
  rig.add(stays, "b", {2});
  REQUIRE(rig.held.wait(1) == lists{{1, 2}});
  rig.give_up(gone);
  rig.add(stays, "c", {3}); // behind the news in the mailbox
  REQUIRE(soon([&] { return rig.waiting() == 1; }));
  CHECK_FALSE(*gone.gone);
  rig.held.let_go(1);
  CHECK(stays.back->wait(1) == values{2});
  CHECK(soon([&] { return gone.gone->load(); }));
  CHECK(gone.back->wait(0).empty());
}

TEST_CASE("I6: sets of a partition that was given up meanwhile are not taken in") {
  batcher_rig rig{{.max_batch_size = 1}};
  auto& late = rig.partitions[0];
  auto memory = late.memory;
  rig.give_up(late);
  late.memory = std::move(memory);
  rig.add(late, "a", {1});
  late.memory = nullptr;
  auto& other = rig.partitions[1];
  rig.held.let_go(1);
  rig.add(other, "a", {2});
  CHECK(other.back->wait(1) == values{2});
  CHECK(rig.held.wait(1) == lists{{2}});
  CHECK(soon([&] { return late.gone->load(); }));
}

TEST_CASE("an item that failed is executed again when it is due, as often as it may") {
  batcher_rig rig{{.accumulation_delay = 0ms, .retry = retry_policy{.times = 2, .backoff = 2ms}}};
  auto& p = rig.partitions[0];
  rig.held.refuse(1, 2);
  rig.held.refuse(2, 3);
  rig.held.let_go(6);
  rig.add(p, "a", {1});
  REQUIRE(p.back->wait(1) == values{1});
  rig.add(p, "a", {2});
  REQUIRE(p.back->wait(2) == values{1, 2});
  CHECK(rig.held.wait(6) == lists{{1}, {1}, {1}, {2}, {2}, {2}});
  CHECK_FALSE(p.back->errors()[0]);
  CHECK(p.back->errors()[1] == errc::processor_failed);
}

TEST_CASE("an item of a partition that drains, or was given up, is not executed again") {
  batcher_rig rig{
    {.accumulation_delay = 0ms, .retry = retry_policy{.times = 1, .backoff = 2ms, .jitter = 0}}};
  auto& p = rig.partitions[0];
  auto& other = rig.partitions[1];
  auto drains = GENERATE(true, false);
  rig.held.refuse(1, 1);
  rig.held.refuse(2, 1);
  rig.add(p, "a", {1});
  REQUIRE(rig.held.wait(1) == lists{{1}});
  auto memory = p.memory;
  if (drains)
    rig.drain(p);
  else
    rig.give_up(p);
  rig.add(other, "b", {2}); // when this has begun, the news has been read
  REQUIRE(rig.held.wait(2) == lists{{1}, {2}});
  rig.held.let_go(1);
  CHECK(
    soon([&] { return drains ? memory->standing() == 1 : memory->get_reference_count() == 1; }));
  rig.held.let_go(3);
  CHECK(other.back->wait(1) == values{2}); // its second call is due later than that of the first
  CHECK(rig.held.wait(3) == lists{{1}, {2}, {2}});
}

TEST_CASE(
  "an executor that throws fails the items of its batch, with what it threw, and no others") {
  batcher_rig rig{{.max_batch_size = 2, .accumulation_delay = 0ms}};
  auto& p = rig.partitions[0];
  rig.held.refuse(1, 1, true);
  rig.held.let_go(2);
  rig.add(p, "a", {1, 2, 3});
  REQUIRE(p.back->wait(3) == values{1, 2, 3});
  auto errors = p.back->errors();
  for (auto i : {0, 1}) {
    CHECK(errors[i] == errc::batch_failed);
    CHECK(describe(errors[i]) == "the executor of batcher 'write' threw: no table");
  }
  CHECK_FALSE(errors[2]);
}

TEST_CASE("a handler actor that dies with a batch fails its items; those that only waited in its "
          "mailbox are executed by the next one") {
  batcher_rig rig{{.max_batch_size = 1, .max_concurrent_batches = 20}, shared_actor(make_mortal)};
  auto& p = rig.partitions[0];
  for (int i = 10; i < 20; ++i)
    rig.add(p, std::to_string(i), {i});
  auto back = p.back->wait(10);
  auto errors = p.back->errors();
  REQUIRE(back.size() == 10);
  for (size_t i = 0; i < back.size(); ++i) {
    INFO(back[i] << ": " << to_string(errors[i]));
    CHECK((errors[i] == errc::handler_actor_died) == (back[i] == 13));
  }
}

TEST_CASE("a batcher that dies tells the source, and lets go of partitions when its calls have "
          "returned") {
  batcher_rig rig{{.max_batch_size = 1}};
  auto& p = rig.partitions[0];
  rig.add(p, "a", {1});
  REQUIRE(rig.held.wait(1) == lists{{1}});
  rig.end();
  CHECK(soon([&] { return rig.told_source == 1; }));
  p.memory->give_up();
  p.memory = nullptr;
  CHECK_FALSE(*p.gone);
  rig.held.let_go(1);
  CHECK(soon([&] { return p.gone->load(); }));
}

TEST_CASE("a batcher that ends with a request under way leaves no claim on the handler actor") {
  batcher_rig rig{{.max_batch_size = 1}, shared_actor(make_silent)};
  auto& p = rig.partitions[0];
  rig.add(p, "a", {1});
  REQUIRE(soon([&] { return rig.shared.meter(0).actors_alive == 1; }));
  rig.end();
  CHECK(soon([&] { return rig.told_source == 1; }));
  rig.give_up(p);
  CHECK(soon([&] { return p.gone->load(); }));
}
