// What a program on `run` brings into its log when it is asked.
#include "tests/integration/child_process.hpp"
#include "tests/integration/child_worker.hpp"
#include "tests/integration/source_fixture.hpp"

#include <catch2/catch.hpp>

#include <csignal>

using namespace keyloom;
using namespace keyloom::test;

TEST_CASE("SIGUSR1 brings the state into the log, with the slowest key, as often as it comes") {
  auto broker = test_broker::embedded();
  auto group = test_broker::new_name("group");
  auto in = broker.new_topic(1);
  send(broker, {{.topic = in, .key = "slow", .value = "1", .partition = 0}});
  child_process child{{child_flag, "hold", broker.address(), group, in, "none"}};
  REQUIRE(child.says("call")); // it never returns
  for (auto time : {1, 2}) {
    child.send(SIGUSR1);
    auto told = child.says("asked by SIGUSR1: group " + group + ", running")
                && child.says("partition " + in + "/0: active")
                && child.says("stage 'call': 1 running")
                && child.says("key 'slow', stage 'call', waits for a call that runs");
    INFO("time " << time << ": " << child.output());
    REQUIRE(told);
  }
}

TEST_CASE("a process that the group does not let in says what that may wait for") {
  on_real_broker([](test_broker& broker) {
    auto group = test_broker::new_name("group");
    auto in = broker.new_topic(1);
    send(broker, {{.topic = in, .key = "slow", .value = "1", .partition = 0}});
    std::vector<std::string> command{child_flag, "hold", broker.address(),          group,
                                     in,         "none", "session.timeout.ms=20000"};
    child_process first{command};
    REQUIRE(first.says("call"));
    first.send(SIGKILL);
    child_process second{command};
    auto told = second.says("group " + group + " has not let this process in yet");
    INFO(second.output());
    REQUIRE(told);
  });
}
