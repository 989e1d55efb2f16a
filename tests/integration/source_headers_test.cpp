// Sources that leave headers out.
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace keyloom;
using namespace keyloom::test;

TEST_CASE("with skip_headers records come without headers, otherwise with them") {
  on_each_broker([](test_broker& broker) {
    for (auto skip : {false, true}) {
      source_fixture with{broker};
      auto in = broker.new_topic(1);
      send(broker, {{.topic = in, .key = "k", .value = "v", .type = "leg"}});
      auto cfg = with.config(in);
      cfg.skip_headers = skip;
      event_source<> source{with.system, cfg};
      std::atomic<int> typed{0};
      source.on_default([&typed](context<>&, const record& rec) {
        typed += rec.type() == "leg" ? 1 : 0;
        return complete;
      });
      require_ok(source.start());
      REQUIRE(eventually([&] {
        std::this_thread::yield();
        return source.state().out == 1;
      }));
      source.stop();
      CHECK(typed == (skip ? 0 : 1));
    }
  });
}

TEST_CASE("skip_headers and a handler by type are an error that names both") {
  auto broker = test_broker::embedded();
  source_fixture with{broker};
  auto cfg = with.config(broker.new_topic(1));
  cfg.skip_headers = true;
  event_source<> source{with.system, cfg};
  source.on<std::string>("leg", text{}, [](context<>&, std::string) { return complete; });
  auto err = source.start();
  REQUIRE(err == errc::bad_config);
  CHECK_THAT(describe(err), Catch::Contains("skip-headers") && Catch::Contains("'leg'"));
}
