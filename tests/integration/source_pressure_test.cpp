// Back-pressure: what a handler that never answers may hold up, and what it may not.
#include "tests/integration/silent_actor.hpp"
#include "tests/integration/source_fixture.hpp"

#include <keyloom/handler_actor.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <fstream>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
// Of <sanitizer/allocator_interface.h>, which Debian's g++ comes without.
extern "C" size_t __sanitizer_get_current_allocated_bytes();
#endif

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

constexpr uint32_t credit = 200;
constexpr auto poll_interval = 2000ms;
constexpr size_t record_bytes = 1000;

/// What the process holds in memory now, in MB. The address sanitizer keeps freed memory for a
/// while, so there it is asked what is allocated.
double held_mb() {
#ifdef __SANITIZE_ADDRESS__
  return static_cast<double>(__sanitizer_get_current_allocated_bytes()) / 1e6;
#else
  std::ifstream in{"/proc/self/statm"};
  size_t all = 0;
  size_t resident = 0;
  in >> all >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
#endif
}

/// Counts the assignments: each makes a store.
struct counted_store {
  void apply(int) {}
};

/// Sends records of one key to partition 1, one after the other.
class heartbeat {
public:
  heartbeat(const test_broker& broker, std::string topic)
    : topic_(std::move(topic)),
      producer_(require_value(
        kafka::producer::make({.brokers = broker.address(), .kafka = {}, .log = {}}, reports_))) {}

  void send() {
    auto result = producer_->produce(
      {.topic = topic_, .key = "alive", .value = "x", .partition = 1}, nullptr);
    REQUIRE(result.what == kafka::producer::verdict::accepted);
    ++sent;
  }

  uint64_t sent = 0;

private:
  std::string topic_;
  report_book reports_;
  std::unique_ptr<kafka::producer> producer_;
};

} // namespace

TEST_CASE("I8: a handler that never answers holds up its own partition, no memory, no membership") {
  on_each_broker([](test_broker& broker) {
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    auto stuck = broker.is_embedded() ? 4000 : 60000; // the embedded broker keeps 5 MiB a partition
    std::vector<outgoing_record> records;
    for (int i = 0; i < stuck; ++i)
      records.push_back(
        {.topic = in, .key = "stuck", .value = std::string(record_bytes, 'x'), .partition = 0});
    send(broker, std::exchange(records, {}));

    auto cfg = with.config(in);
    cfg.credit = credit;
    cfg.key_turns = key_turns::interleaved;
    cfg.stop_deadline = 50ms;
    cfg.kafka["session.timeout.ms"] = "2000";
    cfg.kafka["max.poll.interval.ms"] = std::to_string(poll_interval.count());
    cfg.kafka["queued.max.messages.kbytes"] = "1024"; // the client's own share of the memory
    std::atomic<int> assignments{0};
    event_source<counted_store> source{with.system, cfg, [&assignments] {
                                         ++assignments;
                                         return counted_store{};
                                       }};
    auto ask = source.stage<int, int>("ask", shared_actor(spawn_silent_actor));
    source.on_default([ask](context<counted_store>& ctx, const record& rec) {
      return ask.schedule(ctx, rec.key, 1);
    });
    require_ok(source.start());
    auto in_flight = [&source] {
      uint64_t result = 0;
      for (auto& each : source.state().partitions)
        result = std::max(result, each.in_flight);
      return result;
    };
    REQUIRE(eventually([&] { return in_flight() == credit; }));

    auto before = held_mb();
    heartbeat alive{broker, in};
    for (auto until = std::chrono::steady_clock::now() + 3 * poll_interval;
         std::chrono::steady_clock::now() < until;) {
      alive.send();
      REQUIRE(eventually([&] { return source.state().out == alive.sent; }));
    }
    auto grown = held_mb() - before;
    INFO(stuck << " records wait, " << alive.sent << " got out, " << grown << " MB more");
    if (!broker.is_embedded()) // which needs memory itself
      CHECK(grown < 20);       // the topic has 60 MB
    CHECK(in_flight() == credit);
    CHECK(assignments == 2); // one a partition: the group never missed the member
    CHECK(with.committed(in)[0] <= 0);
    CHECK(source.state().errors.empty());
    source.stop();
  });
}
