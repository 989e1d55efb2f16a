// What a chain does when something is wrong with the broker, or with us. Each test has a real
// broker, most one of their own, which they kill and freeze.
#include "tests/integration/child_process.hpp"
#include "tests/integration/own_broker.hpp"
#include "tests/integration/transacting_child.hpp"
#include "tests/integration/transaction_rig.hpp"

#include <atomic>
#include <future>
#include <utility>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

namespace {

using strings = std::vector<std::string>;

/// Transactions that are submitted over time, and resumed when they were aborted.
class long_run {
public:
  long_run(transaction_rig& rig, chain::config cfg, std::function<void(chain::number)> hold = {})
    : rig_(rig) {
    watch.hold = std::move(hold);
    transactions_ = require_value(chain::make(std::move(cfg), watch));
  }

  void submit(int count) {
    for (int i = 0; i < count; ++i) {
      sent_.push_back("v" + std::to_string(sent_.size()));
      auto what = rig_.with({rig_.part({sent_.back()}, static_cast<int64_t>(sent_.size()))});
      if (auto number = transactions_->submit(std::move(what)))
        last_ = *number;
      else
        FAIL(describe(number.error()));
    }
  }

  /// Answers whatever the chain asks until everything is committed.
  bool finishes() {
    return eventually(
      [this] {
        if (watch.aborts(20ms))
          resume();
        auto done = watch.committed_ones();
        return !done.empty() && done.back() == last_;
      },
      4 * patience);
  }

  const strings& sent() const { return sent_; }

  chain_watch watch;

private:
  // A membership may be stale again before it is used.
  void resume() {
    rig_.regroup();
    require_value(transactions_->resume(rig_.membership, all_ours));
  }

  transaction_rig& rig_;
  std::unique_ptr<chain> transactions_;
  strings sent_;
  chain::number last_ = 0;
};

/// Counts look-ups, and has them done.
class counted_lookup : public chain::lookup_port {
public:
  counted_lookup(const std::string& brokers, std::string group)
    : asks_(require_value(kafka::cluster::make(brokers))), group_(std::move(group)) {}

  caf::expected<std::vector<kafka::partition_offset>> committed(
    const std::vector<kafka::topic_partition>& of, std::chrono::milliseconds timeout) override {
    auto result = asks_->stable_offsets(group_, of, timeout);
    if (result && !result->empty())
      ++answers;
    return result;
  }

  std::atomic<int> answers{0};

private:
  std::unique_ptr<kafka::cluster> asks_;
  std::string group_;
};

} // namespace

// Killed between two commits, because Kafka 4.3.1 itself loses one whose markers are not written
// yet when its only node is killed: when the node comes back, the coordinator calls the transaction
// complete before the node is let into the cluster, without writing the markers.
TEST_CASE("I2 I7: a broker that is killed and comes back gets every transaction once, in order") {
  own_broker own;
  auto broker = test_broker::real(own.address());
  transaction_rig rig{broker};
  std::promise<void> held;
  std::promise<void> killed;
  long_run run{rig, rig.config(), [&](chain::number which) {
                 if (which != 6 || std::exchange(rig.holding, true))
                   return;
                 held.set_value();
                 killed.get_future().wait();
               }};
  run.submit(100);
  held.get_future().wait();
  auto marked = eventually([&] {
    auto found = rig.committed_offset();
    return found && found->offset == 5 && rig.visible_values(5);
  });
  REQUIRE(marked);
  own.kill();
  killed.set_value();
  own.restart();
  REQUIRE(run.finishes());
  CHECK(rig.committed_values() == run.sent());
  run.submit(10);
  REQUIRE(run.finishes());
  CHECK(rig.committed_values() == run.sent());
}

TEST_CASE("I2 I7: a commit of unknown outcome is settled by what the group has committed") {
  own_broker own;
  auto broker = test_broker::real(own.address());
  transaction_rig rig{broker};
  auto cfg = rig.config();
  cfg.transaction_timeout = 2s;
  auto lookup = std::make_shared<counted_lookup>(own.address(), rig.group);
  cfg.lookup = lookup;
  std::atomic<int> unconfirmed{0};
  cfg.log = [&](int, const std::string& text) {
    unconfirmed += text.find("cannot commit a transaction") != std::string::npos;
  };
  long_run run{rig, cfg};
  // A commit is under way about half the time: some freeze meets one.
  for (int i = 0; i < 8 && lookup->answers == 0; ++i) {
    auto before = unconfirmed.load();
    run.submit(200);
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return run.watch.committed_ones().size() > run.sent().size() - 190;
    }));
    own.freeze();
    static_cast<void>(eventually(
      [&] {
        std::this_thread::yield();
        return unconfirmed > before + 1;
      },
      12s));
    own.thaw();
    REQUIRE(run.finishes());
  }
  CHECK(lookup->answers > 0);
  CHECK(rig.committed_values() == run.sent());
}

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
