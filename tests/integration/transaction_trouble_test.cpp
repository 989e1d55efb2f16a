// What a chain does when something is wrong with the broker, or with us. A broker that is killed
// and comes back: source_exactly_once_trouble_test.cpp.
#include "tests/integration/child_process.hpp"
#include "tests/integration/transacting_child.hpp"
#include "tests/integration/transaction_rig.hpp"

#include <atomic>
#include <future>
#include <semaphore>
#include <utility>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

using strings = std::vector<std::string>;

TEST_CASE("a transaction that the broker cut because it took too long goes out again") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    std::promise<void> held;
    std::promise<void> cut;
    chain_watch watch;
    std::atomic<bool> first{true};
    watch.hold = [&](chain::number) {
      if (!first.exchange(false))
        return;
      held.set_value();
      cut.get_future().wait();
    };
    auto cfg = rig.config();
    cfg.transaction_timeout = 1s;
    auto transactions = require_value(chain::make(cfg, watch));
    require_value(transactions->submit(rig.with({rig.part({"a"}, 1)})));
    held.get_future().wait();
    CHECK(rig.committed_values().empty()); // comes to the end only when the transaction has ended
    cut.set_value();
    auto aborted = watch.aborts();
    REQUIRE(aborted);
    INFO(describe(aborted->reason));
    CHECK(!aborted->permanent);
    require_value(transactions->resume(rig.membership, all_ours));
    REQUIRE(watch.commits(1));
    CHECK(rig.committed_values() == strings{"a"});
  });
}

TEST_CASE("a chain ends although no broker answers") {
  chain_watch watch;
  auto transactions
    = require_value(chain::make({.brokers = "127.0.0.1:1", .group = "g", .id_prefix = "p"}, watch));
  auto begin = std::chrono::steady_clock::now();
  transactions.reset();
  CHECK(std::chrono::steady_clock::now() - begin < patience);
}

namespace {

/// A child reads, is frozen until another has its partition, and tries to commit. Returns what
/// became of that.
std::string thawed_child(test_broker& broker, const std::string& how, transaction_rig& rig,
                         const std::string& group) {
  child_process child{
    {transacting_child_flag, how, broker.address(), group, rig.topic, rig.out, rig.prefix + "-z"}};
  auto has_read = child.says("read");
  INFO(child.output());
  REQUIRE(has_read);
  child.send(SIGSTOP);
  member other{broker.consumer_config(group), rig.topic};
  REQUIRE(other.owns(1));
  chain_watch watch;
  auto transactions = require_value(chain::make(
    {.brokers = broker.address(), .group = group, .id_prefix = rig.prefix + "-o"}, watch));
  auto number = require_value(
    transactions->submit({other.consumer->membership(1), {rig.part({"of the owner"}, 5)}}));
  REQUIRE(watch.commits(number));
  child.send(SIGCONT);
  auto joined = std::async(std::launch::async, [&] { return child.says("joined again"); });
  REQUIRE(eventually([&] {
    other.poll();
    return joined.wait_for(0s) == std::future_status::ready;
  }));
  REQUIRE(joined.get());
  CHECK(other.owned.size() == 1);
  child.exit_code();
  return child.output();
}

} // namespace

TEST_CASE("I6: what a frozen process had read is refused after its partition moved, though it "
          "joined again") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    auto group = test_broker::new_name("group");
    send(broker, numbered(rig.topic, 0, 10));
    auto said = thawed_child(broker, "old", rig, group);
    INFO(said);
    CHECK(said.find("refused") != std::string::npos);
    auto found = require_value(rig.asks->stable_offsets(group, {{rig.topic, 0}}, patience));
    REQUIRE(found.size() == 1);
    CHECK(found[0].offset == 5);
    CHECK(rig.committed_values() == strings{"of the owner"});
  });
}
