// What fails in a batcher of a running source: executed again, and dead letters at a broker.
#include "tests/integration/source_fixture.hpp"
#include "tests/integration/test_messages.hpp"

#include <keyloom/handler_actor.hpp>

#include <catch2/catch.hpp>

#include <mutex>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

using strings = std::vector<std::string>;

constexpr int records = 600;
constexpr int keys = 6;

/// Of each five items of a key one fails once, one twice, and one always. Notes in which order
/// items went well. Any thread.
class moody_table {
public:
  caf::error write(const std::string& item) {
    auto colon = item.find(':');
    auto key = item.substr(0, colon);
    auto number = std::stoi(item.substr(colon + 1));
    std::lock_guard guard{mutex_};
    auto call = ++calls_[item];
    if (number % 5 == 4 || call <= number % 5 - 1)
      return caf::make_error(errc::processor_failed, "not yet");
    written_[key].push_back(std::to_string(number));
    return {};
  }

  std::map<std::string, strings> written() const {
    std::lock_guard guard{mutex_};
    return written_;
  }

  int calls(const std::string& item) const {
    std::lock_guard guard{mutex_};
    return calls_.at(item);
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, int> calls_; // guarded by mutex_, as the next
  std::map<std::string, strings> written_;
};

/// The numbers of a key's items that fail for good, or of the others.
strings numbers(bool failing) {
  strings result;
  for (int i = 0; i < records / keys; ++i)
    if ((i % 5 == 4) == failing)
      result.push_back(std::to_string(i));
  return result;
}

} // namespace

TEST_CASE(
  "I8: while items of a key wait to be executed again they keep little memory, however much was "
  "polled with them") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  constexpr int64_t value_bytes = 1000;
  auto recs = keyed(in, records, 2 * records / 10); // five of each key
  for (auto& each : recs)
    each.value->resize(value_bytes, '.');
  send(broker, recs);
  auto cfg = with.config(in);
  cfg.retry = {.times = 1, .backoff = 1h};
  event_source<> source{with.system, cfg};
  auto write = source.batcher<std::string>("write", blocking([](batch<std::string>& items) {
                                             for (auto& each : items)
                                               if (each.key == "k7")
                                                 each.error = caf::make_error(
                                                   errc::processor_failed, "not yet");
                                           }),
                                           {.accumulation_delay = 0ms});
  source.on_default([write](context<>& ctx, const record& rec) {
    return write.add(ctx, rec.key, std::string{rec.value});
  });
  require_ok(source.start());
  constexpr auto of_key = records / (2 * records / 10);
  REQUIRE(eventually([&] {
    std::this_thread::yield();
    auto state = source.state();
    return state.out == records - of_key
           && state.held_bytes < 3 * of_key * value_bytes; // each has its record and its item
  }));
  source.stop();
  CHECK(source.state().errors.empty());
}

TEST_CASE(
  "I3, I12: items that fail are executed again, in the order of their key, and every record "
  "is in the output or in the dead letters, once") {
  on_each_broker([](test_broker& broker) {
    auto by_actor = GENERATE(false, true);
    auto largest = GENERATE(1, 7);
    INFO("by an actor: " << by_actor << ", batches of " << largest);
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    auto out = broker.new_topic(2);
    auto dead = broker.new_topic(2);
    send(broker, keyed(in, records, keys));
    moody_table table;
    auto cfg = with.config(in);
    cfg.retry = {.times = 3, .backoff = 2ms, .max_backoff = 5ms};
    cfg.on_error = failure_action::dead_letter;
    cfg.dead_letter_topic = dead;
    event_source<> source{with.system, cfg};
    auto forward = [out](context<>& ctx, batch_items<std::string>& items) -> outcome {
      if (items.error())
        return items.error();
      ctx.forward({.topic = out,
                   .key = std::string{ctx.input().key},
                   .value = std::string{ctx.input().value}});
      return complete;
    };
    batcher_options how{.max_batch_size = static_cast<uint32_t>(largest),
                        .max_concurrent_batches = 3,
                        .accumulation_delay = 1ms};
    auto call = [&](batch<std::string>& items) {
      for (auto& each : items)
        each.error = table.write(each.value);
    };
    auto actor = [&](caf::actor_system& sys) {
      return sys.spawn([&table]() -> caf::behavior {
        return {[&table](const std::string&, const std::vector<std::string>& items) {
          batch_errors result;
          for (auto& each : items)
            result.of_items.push_back(table.write(each));
          return result;
        }};
      });
    };
    auto write = by_actor ? source.batcher<std::string>("write", actor_pool(2, actor), forward, how)
                          : source.batcher<std::string>("write", blocking(call), forward, how);
    source.on_default([write](context<>& ctx, const record& rec) {
      return write.add(ctx, rec.key, std::string{rec.key} + ":" + std::string{rec.value});
    });
    require_ok(source.start());
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return source.state().out == records;
    }));
    source.stop();
    auto state = source.state();
    CHECK(state.errors.empty());
    CHECK(state.dead_lettered == records / 5);
    CHECK(state.retries == records / 5 * (1 + 2 + 3));
    CHECK(state.parked == 0);
    CHECK(table.calls("k1:4") == 4);
    auto written = table.written();
    auto passed = by_key(with.read_back(out, records - records / 5));
    auto letters = by_key(with.read_back(dead, records / 5));
    REQUIRE(passed.size() == keys);
    for (auto& [key, values] : passed) {
      INFO(key);
      CHECK(values == numbers(false));
      CHECK(letters[key] == numbers(true));
      if (largest == 1) // in a batch, those behind an item that fails were written already
        CHECK(written[key] == numbers(false));
    }
  });
}
