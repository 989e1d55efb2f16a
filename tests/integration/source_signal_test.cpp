// A whole program under signals: in the middle of its work, twice, and frozen for longer than its
// session.
#include "tests/integration/child_process.hpp"
#include "tests/integration/child_worker.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <set>
#include <thread>

#include <unistd.h>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

int64_t total(const std::vector<int64_t>& offsets) {
  int64_t result = 0;
  for (auto offset : offsets)
    result += std::max<int64_t>(offset, 0);
  return result;
}

/// Copies what its group has not committed, in this process.
std::unique_ptr<event_source<>> copying_source(source_fixture& with, const std::string& in,
                                               const std::string& out) {
  auto source = std::make_unique<event_source<>>(with.system, with.config(in));
  source->on_default([out](context<>& ctx, const record& rec) {
    ctx.forward({.topic = out, .key = std::string{rec.key}, .value = std::string{rec.value}});
    return complete;
  });
  return source;
}

} // namespace

TEST_CASE("a signal in the middle of the work drains, commits and ends with 0: nothing is lost or "
          "doubled") {
  on_each_broker([](test_broker& broker) {
    constexpr int count = 2000;
    auto interrupt = GENERATE(SIGINT, SIGTERM);
    source_fixture with{broker};
    auto in = broker.new_topic(4);
    auto out = broker.new_topic(4);
    send(broker, keyed(in, count, 40));
    child_process child{{child_flag, "slow", broker.address(), with.group, in, out}};
    REQUIRE(eventually([&] { return total(with.committed(in)) > 0; }));
    child.send(interrupt);
    INFO(child.output());
    REQUIRE(child.exit_code() == 0);
    auto done = total(with.committed(in));
    CHECK(done < count); // else it was not in the middle
    auto rest = copying_source(with, in, out);
    require_ok(rest->start());
    REQUIRE(eventually([&] { return total(with.committed(in)) == count; }));
    rest->stop();
    CHECK(static_cast<int64_t>(rest->state().out) == count - done);
    for (auto& [key, values] : by_key(with.read_back(out, count))) {
      INFO("key " << key);
      REQUIRE(values.size() == count / 40);
      for (size_t i = 0; i < values.size(); ++i)
        CHECK(values[i] == std::to_string(i));
    }
  });
}

TEST_CASE("two sources that run at once in one process both end on a signal") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  std::vector<std::unique_ptr<event_source<>>> sources;
  std::vector<std::thread> threads;
  std::vector<int> codes(2, -1);
  for (auto& code : codes) {
    auto& source
      = *sources.emplace_back(copying_source(with, broker.new_topic(1), "never-written"));
    threads.emplace_back([&] { code = source.run(); });
  }
  REQUIRE(eventually([&] { return sources[0]->state().running && sources[1]->state().running; }));
  kill(getpid(), SIGTERM);
  for (auto& each : threads)
    each.join();
  CHECK(codes == std::vector<int>{0, 0});
}

TEST_CASE("a second signal ends the program at once, whatever it waits for") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  send(broker, keyed(in, 1, 1));
  child_process child{{child_flag, "hold", broker.address(), with.group, in, "never-written"}};
  REQUIRE(child.says("call")); // it never returns, so a clean stop never ends
  child.send(SIGINT);
  child.send(SIGTERM); // another number: two signals of one number may arrive as one
  auto sent = std::chrono::steady_clock::now();
  auto code = child.exit_code();
  INFO(child.output());
  CHECK((code == 128 + SIGINT || code == 128 + SIGTERM));
  CHECK(std::chrono::steady_clock::now() - sent < 10s); // a stop alone would wait 30 s, and more
}

TEST_CASE(
  "I6: a worker that was frozen beyond its session loses its partitions and commits nothing "
  "for them") {
  on_each_broker([](test_broker& broker) {
    constexpr int count = 400;
    source_fixture with{broker};
    auto in = broker.new_topic(2);
    auto out = broker.new_topic(2);
    send(broker, keyed(in, count, 20));
    child_process child{{child_flag, "forward", broker.address(), with.group, in, out}};
    with.read_back(out, count); // all is out, nothing is committed
    child.send(SIGSTOP);
    auto next = copying_source(with, in, out);
    require_ok(next->start());
    REQUIRE(eventually([&] { return total(with.committed(in)) == count; })); // all came again
    send(broker, keyed(in, count, 20));
    REQUIRE(eventually([&] { return total(with.committed(in)) == 2 * count; }));
    child.send(SIGCONT);
    auto lost = child.says("lost " + in);
    INFO(child.output());
    REQUIRE(lost);
    CHECK(total(with.committed(in)) == 2 * count);
    child.send(SIGTERM);
    CHECK(child.exit_code() == 0);
    CHECK(child.output().find("not confirmed") == std::string::npos); // it did not even try
    next->stop();
    CHECK(total(with.committed(in)) == 2 * count);
    CHECK(next->state().out == 2 * count);
  });
}
