// A source under exactly once behind a line on which requests and answers are lost, and in front of
// a broker that answers transactions with errors: the counts of each key are 1, 2, 3, ... all the
// same, in the outputs and in the store.
#include "runtime/kafka/handles.hpp"
#include "tests/integration/broker_proxy.hpp"
#include "tests/integration/counting_rig.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using request = broker_proxy::request;
using how = broker_proxy::how;

namespace {

/// A counting source behind a proxy.
struct proxied_source {
  explicit proxied_source(const std::string& broker_address, std::chrono::seconds patient = 10s)
    : proxy(broker_address), broker(test_broker::real(proxy.address())), rig(broker) {
    auto cfg = rig.config();
    cfg.transaction_timeout = patient; // so long a step is tried
    source = rig.source(cfg);
    require_ok(source->start());
    REQUIRE(has_active(*source, 2));
    count_on();
  }

  void count_on() {
    rig.send_round(20);
    REQUIRE(rig.all_committed());
  }

  void check_all() {
    source->stop();
    CHECK(source->state().errors.empty());
    rig.check_counts();
  }

  broker_proxy proxy;
  test_broker broker;
  counting_rig rig;
  std::unique_ptr<counting_source> source;
};

} // namespace

TEST_CASE("I7: whatever step of a transaction goes wrong, and however, counts have no hole and "
          "nothing is counted twice") {
  on_real_broker([](test_broker& real) {
    proxied_source all{real.address()};
    for (auto at : {request::add_offsets, request::end_transaction})
      for (auto fault : std::vector<broker_proxy::fault>{
             {at, how::lost},
             {at, how::unanswered},
             {at, how::refused, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
             {at, how::refused, RD_KAFKA_RESP_ERR_UNKNOWN},           // it is aborted
             {at, how::said_to_refuse, RD_KAFKA_RESP_ERR_UNKNOWN},    // though it was done
             {at, how::refused, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE}, // the producer ends
             {at, how::said_to_refuse, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE}}) {
        INFO("request " << static_cast<int>(at) << ", " << static_cast<int>(fault.what) << ", "
                        << fault.error);
        all.proxy.next(fault);
        all.count_on();
        REQUIRE(all.proxy.all_happened());
      }
    all.check_all();
  });
}

TEST_CASE("I7: a commit of which nobody knows whether it was made is neither repeated nor left "
          "out") {
  on_real_broker([](test_broker& real) {
    auto was_made = GENERATE(true, false);
    INFO((was_made ? "it was made" : "it was not made"));
    proxied_source all{real.address(), 1s};
    auto opened = all.proxy.seen(request::open_id);
    broker_proxy::fault happens{request::end_transaction, how::lost};
    if (was_made)
      all.proxy.next({request::end_transaction, how::unanswered});
    else
      all.proxy.next(happens);
    all.proxy.always(happens);
    all.rig.send_round(20);
    REQUIRE(all.proxy.all_happened());
    REQUIRE(all.proxy.sees_more(request::open_id, opened)); // given up, and to be found out
    all.proxy.heal();
    REQUIRE(all.rig.all_committed());
    all.count_on();
    all.check_all();
  });
}
