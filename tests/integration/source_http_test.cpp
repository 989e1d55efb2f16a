// What a source shows over HTTP while it runs: health (I10), metrics, and that it ends with it
// (I9).
#include "tests/fakes/http_client.hpp"
#include "tests/integration/footprint.hpp"
#include "tests/integration/held_calls.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

/// One that is free now.
uint16_t free_port() {
  auto taken = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof any;
  bind(taken, reinterpret_cast<sockaddr*>(&any), size);
  getsockname(taken, reinterpret_cast<sockaddr*>(&any), &size);
  close(taken);
  return ntohs(any.sin_port);
}

void complete_all(event_source<>& source) {
  source.on_default([](context<>&, const record&) { return complete; });
}

} // namespace

TEST_CASE("I10: a partition that stands still turns readiness off, with key, stage and what it "
          "waits for, until it moves") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(1);
  held_calls calls;
  auto cfg = with.config(in);
  cfg.stall_warning = 200ms;
  cfg.http_port = free_port();
  auto port = static_cast<uint16_t>(cfg.http_port);
  event_source<> source{with.system, cfg};
  hold_slow_key(source, calls);
  require_ok(source.start());
  REQUIRE(eventually([&] { return http_get(port, "/readyz").status == 200; }));
  send(broker, {{.topic = in, .key = "slow", .value = "1", .partition = 0}});
  http_answer told;
  REQUIRE(eventually([&] {
    told = http_get(port, "/readyz");
    return told.status == 503 && told.body.find("a call that runs") != told.body.npos;
  }));
  CHECK_THAT(told.body, Contains("group " + with.group + ": partition " + in
                                 + "/0 stands still: offset 0, "
                                   "key 'slow', stage 'hold', waits for a call that runs"));
  CHECK(http_get(port, "/livez").status == 200);
  calls.let_go();
  REQUIRE(eventually([&] { return http_get(port, "/readyz").status == 200; }));
  source.stop();
}

TEST_CASE("metrics count what a source has done, by group, partition and stage, beside CAF's own") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto in = broker.new_topic(2);
  auto out = broker.new_topic(1);
  auto cfg = with.config(in);
  cfg.http_port = free_port();
  auto port = static_cast<uint16_t>(cfg.http_port);
  event_source<> source{with.system, cfg};
  auto work = source.stage<int, void>("work", blocking([](std::string_view, int&) {}));
  auto write = source.batcher<int>("write", blocking([](batch<int>&) {}));
  source.on_default([&](context<>& ctx, const record& rec) {
    ctx.forward({.topic = out, .value = "12345"});
    work.schedule(ctx, rec.key, 1);
    return write.add(ctx, rec.key, 1);
  });
  require_ok(source.start());
  send(broker, keyed(in, 10, 3));
  REQUIRE(eventually([&] { return source.state().out == 10; }));
  std::string text;
  auto of = [&](const std::string& name, const std::string& labels, const std::string& value) {
    return text.find("keyloom_" + name + "{group=\"" + with.group + "\"" + labels + "} " + value
                     + " ")
           != text.npos;
  };
  REQUIRE(eventually([&] {
    text = http_get(port, "/metrics").body;
    return of("records_out_total", "", "10") && of("stage_calls_total", ",stage=\"work\"", "10");
  }));
  INFO(text);
  CHECK(of("records_in_total", "", "10"));
  CHECK(of("records_forwarded_total", "", "10"));
  CHECK(of("out_bytes_total", "", "50"));
  CHECK(of("ready", "", "1"));
  CHECK(of("partition_active", ",partition=\"1\",topic=\"" + in + "\"", "1"));
  CHECK_THAT(text, Contains("keyloom_stage_call_duration_seconds_count{group=\"" + with.group
                            + "\",stage=\"work\"} 10.0"));
  CHECK_THAT(text, Contains("keyloom_batcher_items_total{batcher=\"write\",group=\"" + with.group
                            + "\"} 10 "));
  CHECK_THAT(text, Contains("caf_system_running_actors"));
  source.stop();
}

TEST_CASE("I9: a source that has stopped serves nothing any more, and leaves nothing behind") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto cfg = with.config(broker.new_topic(1));
  auto port = free_port();
  auto run = [&](uint32_t http_port) {
    cfg.http_port = http_port;
    event_source<> source{with.system, cfg};
    complete_all(source);
    require_ok(source.start());
    if (http_port != 0)
      REQUIRE(eventually([&] { return http_get(port, "/readyz").status == 200; }));
    source.stop();
  };
  run(0); // what a first source makes for good
  auto before = footprint::of(with.system);
  run(port);
  CHECK(http_get(port, "/livez").status == 0);
  require_back_to(before, with.system);
}

TEST_CASE("a source whose port is taken does not start, and says which port and what to do") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto cfg = with.config(broker.new_topic(1));
  cfg.http_port = free_port();
  event_source<> first{with.system, cfg};
  event_source<> second{with.system, cfg};
  complete_all(first);
  complete_all(second);
  require_ok(first.start());
  auto err = second.start();
  CHECK(err == errc::bad_config);
  CHECK_THAT(describe(err),
             Contains("127.0.0.1:" + std::to_string(cfg.http_port)) && Contains("is taken"));
  first.stop();
  require_ok(second.start());
  second.stop();
}

TEST_CASE("sources that share resources share a port, which says what keeps either from being "
          "ready") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  shared_resources common;
  auto cfg = with.config(broker.new_topic(1));
  cfg.http_port = free_port();
  auto port = static_cast<uint16_t>(cfg.http_port);
  event_source<> first{with.system, cfg, common};
  cfg.group = test_broker::new_name("other");
  event_source<> second{with.system, cfg, common};
  complete_all(first);
  complete_all(second);
  require_ok(first.start());
  require_ok(second.start());
  REQUIRE(eventually([&] { return http_get(port, "/readyz").status == 200; }));
  CHECK_THAT(http_get(port, "/metrics").body,
             Contains("group=\"" + with.group + "\"") && Contains("group=\"" + cfg.group + "\""));
  first.stop();
  CHECK(http_get(port, "/livez").status == 200);
  second.stop();
  CHECK(http_get(port, "/livez").status == 0);
}
