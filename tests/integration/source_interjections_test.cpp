// Interjections with everything real around them: beside records, across hand-overs, at a stop, and
// asked for by other threads and by actors.
#include "tests/integration/footprint.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <array>
#include <atomic>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using wall_time = std::chrono::system_clock::time_point;

namespace {

constexpr int32_t partitions = 4;

/// What the interjections of all partitions of one source did.
struct tick_book {
  struct row {
    std::atomic<int> under_way{0};
    std::atomic<int> ticks{0};
  };
  std::array<row, partitions> rows;
  std::atomic<int> overlapping{0};

  row& of(const context<>& ctx) { return rows[static_cast<size_t>(ctx.partition())]; }

  void begins(const context<>& ctx) {
    if (of(ctx).under_way.fetch_add(1) > 0)
      ++overlapping;
    ++of(ctx).ticks;
  }

  int all() const {
    int result = 0;
    for (auto& each : rows)
      result += each.ticks;
    return result;
  }

  bool all_ticked_since(const std::array<int, partitions>& before) const {
    for (size_t i = 0; i < partitions; ++i)
      if (rows[i].ticks <= before[i])
        return false;
    return true;
  }

  std::array<int, partitions> now() const {
    std::array<int, partitions> result{};
    for (size_t i = 0; i < partitions; ++i)
      result[i] = rows[i].ticks;
    return result;
  }
};

/// A source that copies records to `out`, and whose interjection asks a stage every 5 ms.
std::unique_ptr<event_source<>> ticking_source(source_fixture& with, const source_config& cfg,
                                               const std::string& out, tick_book& book) {
  auto source = std::make_unique<event_source<>>(with.system, cfg);
  auto work = source->stage<int, void>("work", blocking([](std::string_view, int&) {}),
                                       [&book](context<>& ctx, std::string_view, int&,
                                               caf::expected<void>) {
                                         --book.of(ctx).under_way;
                                         return complete;
                                       });
  source->on_default([out](context<>& ctx, const record& rec) {
    ctx.forward({.topic = out, .key = std::string{rec.key}, .value = std::string{rec.value}});
    return complete;
  });
  source->schedule_interjection(
    [&book, work](context<>& ctx, wall_time) {
      book.begins(ctx);
      return work.schedule(ctx, "tick", 1);
    },
    5ms, 2ms, "ticks");
  return source;
}

size_t active(const event_source<>& source) {
  size_t result = 0;
  for (auto& each : source.state().partitions)
    result += each.lifecycle == lifecycle::active ? 1 : 0;
  return result;
}

bool becomes_active(const event_source<>& source, size_t count) {
  return eventually([&] {
    std::this_thread::yield();
    return active(source) == count;
  });
}

} // namespace

TEST_CASE("interjections tick beside records, across hand-overs, and only where a partition is, "
          "and I9: leave nothing behind") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(partitions);
    auto out = broker.new_topic(1);
    auto before = footprint::of(with.system);
    {
      tick_book book;
      tick_book other_book;
      auto source = ticking_source(with, with.config(in), out, book);
      auto other = ticking_source(with, with.config(in), out, other_book);
      require_ok(source->start());
      REQUIRE(becomes_active(*source, partitions));
      send(broker, keyed(in, 2000, 20));
      auto ticked = [&book, at = book.now()] { return book.all_ticked_since(at); };
      REQUIRE(eventually(ticked));

      require_ok(other->start());
      REQUIRE(becomes_active(*other, partitions / 2));
      REQUIRE(becomes_active(*source, partitions / 2));
      auto shared = book.now();
      auto others = other_book.now();
      send(broker, keyed(in, 2000, 20));
      REQUIRE(eventually([&] { return other_book.all() > 100; }));
      for (size_t i = 0; i < partitions; ++i) // a partition ticks at one of them
        CHECK((book.now()[i] == shared[i]) != (other_book.now()[i] == others[i]));

      other->stop();
      auto stopped_at = other_book.all();
      REQUIRE(becomes_active(*source, partitions));
      auto again = book.now();
      REQUIRE(eventually([&] { return book.all_ticked_since(again); }));
      CHECK(other_book.all() == stopped_at);
      REQUIRE(eventually([&] { return source->state().out + other->state().out >= 4000; }));
      source->stop();
      CHECK(book.overlapping == 0);
      CHECK(other_book.overlapping == 0);
      CHECK(source->state().interjections_open == 0);
      CHECK(source->state().errors.empty());
      CHECK(source->state().interjections == static_cast<uint64_t>(book.all()));
    }
    require_back_to(before, with.system);
    CHECK(by_key(with.read_back(out, 4000)).size() == 20);
  });
}

TEST_CASE("a stop does not wait for ever for an incomplete interjection, and tells who asked") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto before = footprint::of(with.system);
    {
      auto cfg = with.config(in);
      cfg.stop_deadline = 300ms;
      event_source<> source{with.system, cfg};
      source.on_default([](context<>&, const record&) { return complete; });
      CHECK(source.interject(0, [](context<>&) { return complete; }).get() == errc::wrong_state);
      require_ok(source.start());
      REQUIRE(becomes_active(source, 1));
      std::optional<job_completion> kept;
      auto hangs = source.interject(0, [&kept](context<>& ctx) {
        kept = ctx.job_complete([](context<>&) { return complete; });
        return incomplete;
      });
      auto nowhere = source.interject(7, [](context<>&) { return complete; });
      CHECK(nowhere.get() == errc::not_assigned);
      CHECK(!source.interject(0, [](context<>&) { return complete; }).get());
      source.stop();
      REQUIRE(hangs.wait_for(patience) == std::future_status::ready);
      CHECK(hangs.get() == errc::given_up);
      CHECK(source.state().errors.size() == 1);
      CHECK(source.state().interjections_open == 0);
    }
    require_back_to(before, with.system);
  });
}

TEST_CASE("I10: an interjection that hangs is told with its name, though no record waits") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  auto cfg = with.config(in);
  cfg.stall_warning = 200ms;
  event_source<> source{with.system, cfg};
  source.on_default([](context<>&, const record&) { return complete; });
  std::vector<job_completion> kept;
  source.schedule_interjection(
    [&kept](context<>& ctx, wall_time) {
      if (kept.size() == 2) // the stop, which begins a while later, need not wait for a third
        return complete;
      kept.push_back(ctx.job_complete([](context<>&) { return complete; }));
      return incomplete;
    },
    10ms, 0ms, "retries");
  require_ok(source.start());
  std::string stall;
  REQUIRE(eventually([&] {
    auto state = source.state();
    return !state.partitions.empty() && !(stall = state.partitions[0].stall).empty();
  }));
  CHECK(stall == "interjection 'retries', waits for its job_complete, which nobody has called");
  CHECK(source.state().interjections == 1);
  auto cut = cfg.stop_deadline;
  CHECK(kept.front()());
  REQUIRE(eventually([&] { return source.state().interjections == 2; }));
  REQUIRE(eventually([&] { return source.state().partitions[0].stall.empty(); }, cut));
  kept.back()();
  source.stop();
}

TEST_CASE("interject_all is answered for each partition while partitions come and go") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(partitions);
    auto out = broker.new_topic(1);
    tick_book book;
    tick_book other_book;
    auto source = ticking_source(with, with.config(in), out, book);
    require_ok(source->start());
    REQUIRE(becomes_active(*source, partitions));
    std::atomic<bool> ends{false};
    std::atomic<int> good{0};
    std::atomic<int> wrong{0};
    std::thread asking{[&] {
      while (!ends) {
        auto all = source->interject_all([](context<>&) { return complete; });
        if (all.wait_for(patience) != std::future_status::ready) {
          ++wrong;
          return;
        }
        for (auto& each : all.get()) {
          good += each.reason ? 0 : 1;
          wrong += each.reason && each.reason != errc::given_up ? 1 : 0;
        }
      }
    }};
    for (int i = 0; i < 2; ++i) {
      auto other = ticking_source(with, with.config(in), out, other_book);
      if (auto err = other->start()) {
        ends = true;
        asking.join();
        require_ok(err);
      }
      auto came = becomes_active(*other, partitions / 2);
      other->stop();
      auto back = becomes_active(*source, partitions);
      wrong += came && back ? 0 : 1;
    }
    source->stop(); // the thread goes on asking
    auto answered = good.load();
    ends = true;
    asking.join();
    CHECK(wrong == 0);
    CHECK(answered > 0);
  });
}

TEST_CASE("an actor asks for an interjection and gets the answer as a message") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  event_source<> source{with.system, with.config(in)};
  source.on_default([](context<>&, const record&) { return complete; });
  require_ok(source.start());
  REQUIRE(becomes_active(source, 1));
  auto asker = with.system.spawn([&source](caf::event_based_actor* self) -> caf::behavior {
    auto answer = std::make_shared<caf::typed_response_promise<std::string>>();
    return {
      [=, &source](int32_t partition) -> caf::result<std::string> {
        auto promise = self->make_response_promise<std::string>();
        *answer = promise;
        source.interject_then(
          std::string{}, partition, [](context<>&) { return complete; },
          [me = caf::actor_cast<caf::actor>(self)](const caf::error& reason) {
            caf::anon_send(me, reason ? describe(reason) : std::string{"out"});
          });
        return promise;
      },
      [=](std::string& news) { answer->deliver(std::move(news)); },
    };
  });
  caf::scoped_actor self{with.system};
  auto ask = [&](int32_t partition) {
    std::string result;
    self->request(asker, patience, partition)
      .receive([&](std::string& news) { result = std::move(news); },
               [&](const caf::error& reason) { result = "no answer: " + to_string(reason); });
    return result;
  };
  CHECK(ask(0) == "out");
  CHECK_THAT(ask(9), Catch::Contains("not assigned"));
  caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
  source.stop();
}
