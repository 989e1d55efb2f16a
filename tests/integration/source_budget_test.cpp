// The byte budget: intake stops when a partition holds its share, and nothing else does.
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;

namespace {

/// Holds callers until it is opened.
class barrier {
public:
  void pass() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return open_; });
  }

  void open() {
    std::lock_guard guard{mutex_};
    open_ = true;
    changed_.notify_all();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

std::vector<outgoing_record> large(const std::string& topic, int32_t partition, int count,
                                   size_t bytes) {
  std::vector<outgoing_record> result;
  for (int i = 0; i < count; ++i)
    result.push_back({.topic = topic,
                      .key = "k" + std::to_string(i),
                      .value = std::string(bytes, 'x'),
                      .partition = partition});
  return result;
}

bool comes_to(const event_source<>& source, uint64_t out) {
  return eventually([&] {
    std::this_thread::yield();
    return source.state().out >= out;
  });
}

} // namespace

TEST_CASE("I8: a partition that stands still takes its share of the budget, and the others go on") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    send(broker, large(in, 0, 200, 4000));
    send(broker, large(in, 1, 200, 4000));
    auto cfg = with.config(in);
    cfg.budget = 400'000;
    event_source<> source{with.system, cfg};
    barrier gate;
    auto stuck = source.stage<int, void>("stuck", blocking([&](std::string_view, int& partition) {
                                           if (partition == 0)
                                             gate.pass();
                                         }),
                                         {.concurrency = 300});
    source.on_default([=](context<>& ctx, const record& rec) {
      return stuck.schedule(ctx, rec.key, ctx.partition());
    });
    require_ok(source.start());
    REQUIRE(comes_to(source, 200));
    auto state = source.state();
    CHECK(state.partitions[1].in_flight == 0);
    CHECK(state.partitions[0].in_flight < 100);
    CHECK(state.held_bytes_max < 600'000);
    gate.open();
    REQUIRE(comes_to(source, 400));
    source.stop();
    CHECK(source.state().held_bytes == 0);
  });
}

TEST_CASE("records larger than a partition's share of the budget pass one at a time") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(1);
    auto out = broker.new_topic(1);
    send(broker, large(in, 0, 10, 500'000));
    auto cfg = with.config(in);
    cfg.budget = 65'536;
    event_source<> source{with.system, cfg};
    source.on_default([out](context<>& ctx, const record& rec) {
      ctx.forward({.topic = out, .key = std::string{rec.key}, .value = std::string{rec.value}});
      return complete;
    });
    require_ok(source.start());
    REQUIRE(comes_to(source, 10));
    source.stop();
    CHECK(source.state().errors.empty());
    CHECK(with.read_back(out, 10).size() == 10);
  });
}

TEST_CASE("of records larger than a partition's share each partition holds one, also at first") {
  on_each_broker([](test_broker& broker) {
    constexpr int partitions = 24;
    constexpr size_t bytes = 100'000;
    source_fixture with{broker};
    auto in = broker.new_topic(partitions);
    std::vector<outgoing_record> records;
    for (int p = 0; p < partitions; ++p)
      for (auto& each : large(in, p, 8, bytes))
        records.push_back(std::move(each));
    send(broker, records);
    auto cfg = with.config(in);
    cfg.budget = 1 << 20;
    event_source<> source{with.system, cfg};
    barrier gate;
    auto stuck = source.stage<int, void>("stuck",
                                         blocking([&](std::string_view, int&) { gate.pass(); }),
                                         {.concurrency = partitions * 8});
    source.on_default(
      [=](context<>& ctx, const record& rec) { return stuck.schedule(ctx, rec.key, 0); });
    require_ok(source.start());
    CHECK(eventually([&] {
      std::this_thread::yield();
      auto state = source.state().partitions;
      return state.size() == partitions
             && std::all_of(state.begin(), state.end(), [](auto& p) { return p.in_flight > 0; });
    }));
    gate.open();
    REQUIRE(comes_to(source, records.size()));
    source.stop();
    CHECK(source.state().held_bytes_max < static_cast<int64_t>(partitions * bytes * 11 / 10));
  });
}
