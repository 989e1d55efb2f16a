// What a chain does when requests or answers are lost on their way, or the broker answers with an
// error: goes on by itself, sends again, or finds out what became of a commit. Each in front of a
// real broker, at the request that is named (broker_proxy.hpp); what a reader of committed records
// finds is the judge.
#include "runtime/kafka/handles.hpp"
#include "tests/integration/broker_proxy.hpp"
#include "tests/integration/transaction_rig.hpp"

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using request = broker_proxy::request;
using how = broker_proxy::how;

namespace {

using strings = std::vector<std::string>;

/// A chain behind a proxy. Its n-th transaction writes "n" and commits offset n.
struct proxied_chain {
  proxied_chain(const std::string& broker_address, std::chrono::seconds patient)
    : proxy(broker_address), broker(test_broker::real(proxy.address())), rig(broker) {
    auto cfg = rig.config();
    cfg.transaction_timeout = patient; // so long a step is tried
    transactions = require_value(chain::make(cfg, watch));
  }

  chain::number submit() {
    values.push_back(std::to_string(values.size() + 1));
    return require_value(transactions->submit(
      rig.with({rig.part({values.back()}, static_cast<int64_t>(values.size()))})));
  }

  void commit_one() { REQUIRE(watch.commits(submit())); }

  /// Each transaction was committed once, with its offset.
  void check_all() {
    CHECK(rig.committed_values() == values);
    REQUIRE(eventually([&] { return rig.committed_offset().has_value(); }));
    CHECK(rig.committed_offset()->offset == static_cast<int64_t>(values.size()));
  }

  broker_proxy proxy;
  test_broker broker;
  transaction_rig rig;
  chain_watch watch;
  std::unique_ptr<chain> transactions;
  strings values;
};

/// For each test a line of its own to the broker.
template <class Test>
void with_proxied_chain(Test test, std::chrono::seconds patient = 10s) {
  on_real_broker([&](test_broker& broker) {
    proxied_chain all{broker.address(), patient};
    test(all);
  });
}

} // namespace

TEST_CASE("what may be tried again is, and nobody hears of it") {
  with_proxied_chain([](proxied_chain& all) {
    for (auto at : {request::add_offsets, request::end_transaction})
      for (auto fault : std::vector<broker_proxy::fault>{
             {at, how::lost},
             {at, how::unanswered},
             {at, how::refused, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
             {at, how::refused, RD_KAFKA_RESP_ERR_NOT_COORDINATOR}, // it has moved
             {at, how::refused, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE},
             {at, how::refused, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS}}) {
        INFO("request " << static_cast<int>(at) << ", " << static_cast<int>(fault.what) << ", "
                        << fault.error);
        all.proxy.next(fault);
        all.commit_one();
        REQUIRE(all.proxy.all_happened());
      }
    CHECK(!all.watch.aborts(0ms));
    all.check_all();
  });
}

TEST_CASE("what was produced before the line was cut is not produced twice") {
  with_proxied_chain([](proxied_chain& all) {
    for (auto what : {how::lost, how::unanswered}) {
      all.proxy.next({request::produce, what});
      all.commit_one();
      REQUIRE(all.proxy.all_happened());
    }
    CHECK(!all.watch.aborts(0ms));
    all.check_all();
  });
}

TEST_CASE("a transaction whose step failed is aborted, also when that does not go well, and goes "
          "out again") {
  with_proxied_chain([](proxied_chain& all) {
    all.commit_one();
    constexpr broker_proxy::fault fails{request::add_offsets, how::refused,
                                        RD_KAFKA_RESP_ERR_UNKNOWN};
    using faults = std::vector<broker_proxy::fault>;
    constexpr auto end = request::end_transaction;
    for (auto& happens : {
           faults{fails},
           faults{{request::add_offsets, how::refused, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE}},
           faults{fails, {end, how::lost}},
           faults{fails, {end, how::unanswered}},
           faults{fails, {end, how::refused, RD_KAFKA_RESP_ERR_NOT_COORDINATOR}},
           faults{fails, {end, how::refused, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE}},
           faults{fails, {end, how::said_to_refuse, RD_KAFKA_RESP_ERR_UNKNOWN}},
         }) {
      INFO(happens.size() << " faults, the last one: " << static_cast<int>(happens.back().what)
                          << ", " << happens.back().error);
      for (auto& each : happens)
        all.proxy.next(each);
      auto number = all.submit();
      auto aborted = all.watch.aborts();
      REQUIRE(aborted);
      CHECK(!aborted->permanent);
      CHECK(aborted->first == number);
      REQUIRE(all.proxy.all_happened());
      require_value(all.transactions->resume(all.rig.membership, all_ours));
      REQUIRE(all.watch.commits(number));
    }
    all.check_all();
  });
}

TEST_CASE("a commit that the broker made and denies is found to be made") {
  with_proxied_chain([](proxied_chain& all) {
    for (auto error : {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, // the producer is of no use more
                       RD_KAFKA_RESP_ERR_UNKNOWN,           // the client would abort it
                       RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING}) {
      INFO(rd_kafka_err2name(error));
      all.proxy.next({request::end_transaction, how::said_to_refuse, static_cast<int16_t>(error)});
      all.commit_one();
      REQUIRE(all.proxy.all_happened());
    }
    CHECK(!all.watch.aborts(0ms));
    all.check_all();
  });
}

TEST_CASE("a commit that the broker did not make is made once it is found out") {
  with_proxied_chain([](proxied_chain& all) {
    all.commit_one();
    for (auto error : {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, RD_KAFKA_RESP_ERR_UNKNOWN,
                       RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING}) {
      INFO(rd_kafka_err2name(error));
      all.proxy.next({request::end_transaction, how::refused, static_cast<int16_t>(error)});
      auto number = all.submit();
      auto aborted = all.watch.aborts();
      REQUIRE(aborted);
      CHECK(aborted->first == number);
      CHECK(!aborted->permanent);
      require_value(all.transactions->resume(all.rig.membership, all_ours));
      REQUIRE(all.watch.commits(number));
    }
    all.check_all();
  });
}

TEST_CASE("a commit whose answer does not come, and one that does not come to the broker, are told "
          "apart, and what was submitted behind them goes out once") {
  auto test = [](proxied_chain& all) {
    all.commit_one();
    auto was_made = GENERATE(true, false);
    INFO((was_made ? "the answer was lost" : "the commit was lost"));
    if (was_made)
      all.proxy.next({request::end_transaction, how::unanswered});
    all.proxy.always({request::end_transaction, how::lost}); // until nobody waits for it any more
    auto unknown = all.submit();
    all.submit();
    auto last = all.submit();
    auto aborted = all.watch.aborts();
    REQUIRE(aborted);
    INFO(describe(aborted->reason));
    CHECK(!aborted->permanent);
    CHECK(aborted->first == (was_made ? unknown + 1 : unknown));
    CHECK(all.watch.committed_ones().back() == aborted->first - 1);
    all.proxy.heal();
    require_value(all.transactions->resume(all.rig.membership, all_ours));
    REQUIRE(all.watch.commits(last));
    all.check_all();
  };
  with_proxied_chain(test, 1s);
}

TEST_CASE("an id is opened although the first tries fail") {
  with_proxied_chain([](proxied_chain& all) {
    all.commit_one();
    for (auto fault : std::vector<broker_proxy::fault>{
           {request::open_id, how::lost},
           {request::open_id, how::unanswered},
           {request::open_id, how::refused, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
           {request::open_id, how::refused, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS}})
      all.proxy.next(fault);
    all.proxy.next( // makes a producer anew
      {request::end_transaction, how::said_to_refuse, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE});
    all.commit_one();
    REQUIRE(all.proxy.all_happened());
    all.check_all();
  });
}

TEST_CASE("a chain whose id was opened by another is over, and its commit is not made") {
  with_proxied_chain([](proxied_chain& all) {
    all.commit_one();
    all.proxy.next(
      {request::end_transaction, how::refused, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH});
    all.submit();
    REQUIRE(all.watch.fails());
    CHECK(all.watch.failure() == errc::fenced);
    CHECK(all.watch.committed_ones().size() == 1);
  });
}
