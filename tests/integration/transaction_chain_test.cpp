// Transactions on a broker that is well. What goes wrong with it: transaction_trouble_test.cpp.
#include "tests/integration/transaction_rig.hpp"

#include <map>
#include <numeric>
#include <set>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using outcome = core::transaction_plan::outcome;

namespace {

using strings = std::vector<std::string>;

/// Resumes without one partition until something is committed. The client needs an attempt more
/// where a record of its was refused: its next ones skip sequence numbers, which ends a
/// transaction.
bool goes_out(chain& transactions, chain_watch& watch, const transaction_rig& rig,
              const kafka::topic_partition& dropped) {
  auto others = [&dropped](const auto& where) { return where != dropped; };
  require_value(transactions.resume(rig.membership, others));
  return eventually([&] {
    if (watch.aborts(10ms))
      require_value(transactions.resume(rig.membership, others));
    return !watch.committed_ones().empty();
  });
}

} // namespace

TEST_CASE("outputs, offset and metadata of a transaction become visible together") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    kafka::transactional_producer producer{rig.producer_config(rig.prefix + "-0")};
    REQUIRE(producer.open().what == outcome::done);
    auto what = rig.with({rig.part({"a", "b"}, 2)});
    REQUIRE(producer.hand_over(what).what == outcome::done);
    auto sent = producer.send_offsets(what);
    INFO(describe(sent.reason));
    REQUIRE(sent.what == outcome::done);
    CHECK(!rig.committed_offset());
    REQUIRE(producer.commit().what == outcome::done);
    CHECK(rig.committed_values() == strings{"a", "b"});
    REQUIRE(eventually([&] { return rig.committed_offset().has_value(); }));
    CHECK(rig.committed_offset()->offset == 2);
    CHECK(rig.committed_offset()->metadata == "counter 1");
  });
}

TEST_CASE("what a transaction wrote that was aborted nobody sees") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    kafka::transactional_producer producer{rig.producer_config(rig.prefix + "-0")};
    REQUIRE(producer.open().what == outcome::done);
    auto what = rig.with({rig.part({"a"}, 1)});
    REQUIRE(producer.hand_over(what).what == outcome::done);
    REQUIRE(producer.send_offsets(what).what == outcome::done);
    REQUIRE(producer.abort().what == outcome::done);
    REQUIRE(producer.hand_over(what).what == outcome::done);
    REQUIRE(producer.abort().what == outcome::done);
    REQUIRE(eventually([&] { return rig.committed_offset().has_value(); }));
    CHECK(rig.committed_offset()->offset == -1);
    what = rig.with({rig.part({"b"}, 1)});
    REQUIRE(producer.hand_over(what).what == outcome::done);
    REQUIRE(producer.send_offsets(what).what == outcome::done);
    REQUIRE(producer.commit().what == outcome::done);
    CHECK(rig.committed_values() == strings{"b"});
  });
}

TEST_CASE("transactions of several partitions are committed in the order they were submitted") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker, 2};
    chain_watch watch;
    auto cfg = rig.config();
    cfg.producers = 3;
    auto transactions = require_value(chain::make(cfg, watch));
    strings first;
    strings second;
    chain::number last = 0;
    for (int i = 1; i <= 40; ++i) {
      first.push_back("a" + std::to_string(i));
      second.push_back("b" + std::to_string(i));
      last = require_value(transactions->submit(
        rig.with({rig.part({first.back()}, i, 0), rig.part({second.back()}, i, 1)})));
    }
    REQUIRE(watch.commits(last));
    std::vector<chain::number> all(40);
    std::iota(all.begin(), all.end(), 1);
    CHECK(watch.committed_ones() == all);
    CHECK(rig.committed_values(0) == first);
    CHECK(rig.committed_values(1) == second);
    REQUIRE(eventually([&] { return rig.committed_offset(1).has_value(); }));
    CHECK(rig.committed_offset(1)->offset == 40);
    CHECK(rig.committed_offset(1)->metadata == "counter 80");
    CHECK(transactions->waiting() == 0);
  });
}

TEST_CASE("records go where they belong, with headers, type, timestamp and nulls") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    chain_watch watch;
    auto transactions = require_value(chain::make(rig.config(), watch));
    std::vector<header> headers{{"h", "1"}, {"none", std::nullopt}};
    auto part = rig.part({}, 1);
    part.records = {{.topic = rig.out, .key = "k", .value = {}, .partition = 0},
                    {.topic = rig.out,
                     .key = {},
                     .value = "v",
                     .partition = 0,
                     .timestamp_ms = 1234567890123,
                     .type = "leg",
                     .headers = headers}};
    REQUIRE(watch.commits(require_value(transactions->submit(rig.with({part})))));
    member reads{broker.consumer_config(test_broker::new_name("group")), rig.out};
    REQUIRE(reads.receives(2));
    auto found = reads.records();
    CHECK(found[0].key == "k");
    CHECK(!found[0].has_value());
    CHECK(!found[1].has_key());
    CHECK(found[1].value == "v");
    CHECK(found[1].timestamp_ms == 1234567890123);
    CHECK(found[1].type() == "leg");
    CHECK(found[1].headers.find("h") == "1");
  });
}

TEST_CASE(
  "I7: whatever is sent together, a key's partition is the one that Java's clients choose") {
  auto queue = GENERATE("1000000", "30"); // of the client: room for all, or far too little
  on_real_broker([queue](test_broker& broker) {
    transaction_rig rig{broker};
    constexpr int32_t partitions = 3;
    rig.out = test_broker::new_name("topic");
    require_ok(rig.asks->create_topic(rig.out, partitions, patience));
    strings keys; // they and the values outlive the client
    for (int i = 0; i < 50; ++i)
      keys.push_back("key " + std::to_string(i));
    strings values;
    for (int i = 0; i < 1000; ++i)
      values.push_back(std::to_string(i));
    core::output_arena arena;
    chain_watch watch;
    auto cfg = rig.config();
    cfg.kafka["queue.buffering.max.messages"] = queue;
    auto transactions = require_value(chain::make(cfg, watch));
    size_t next = 0;
    int64_t offset = 0;
    for (size_t together : {1, 2, 100, 5, 400, 492}) { // the client knows the topic from some on
      auto part = rig.part({}, ++offset);
      for (auto end = next + together; next < end; ++next) {
        std::string_view key;
        if (next % 10 != 0)
          key = keys[next % keys.size()];
        core::packed_outputs packed;
        arena.pack(core::output_view{rig.out, key, values[next]}, packed);
        if (next % 7 == 0) // these go behind the packed ones
          part.records.push_back(kafka::view_of(*packed.first));
        else
          part.packed.push_back(packed.first);
      }
      REQUIRE(watch.commits(require_value(transactions->submit(rig.with({part})))));
    }
    member reads{broker.consumer_config(test_broker::new_name("group")), rig.out};
    REQUIRE(reads.receives(values.size()));
    std::set<std::string> seen;
    std::map<std::string, std::vector<size_t>> of_key;
    for (const auto& batch : reads.batches)
      for (const auto& rec : batch->records()) {
        seen.emplace(rec.value);
        if (!rec.has_key())
          continue;
        CHECK(batch->partition()
              == rd_kafka_msg_partitioner_murmur2(nullptr, rec.key.data(), rec.key.size(),
                                                  partitions, nullptr, nullptr));
        if (auto number = std::stoul(std::string{rec.value}); number % 7 != 0)
          of_key[std::string{rec.key}].push_back(number);
      }
    CHECK(seen.size() == values.size());
    CHECK(of_key.size() == 45);
    for (const auto& [key, numbers] : of_key)
      CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  });
}

TEST_CASE("what the group moved on from goes out again under newer membership, once") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker, 2};
    chain_watch watch;
    auto transactions = require_value(chain::make(rig.config(), watch));
    auto before = rig.membership;
    member other{broker.consumer_config(rig.group), rig.topic};
    REQUIRE(eventually([&] {
      rig.reader.poll();
      other.poll();
      return other.owned.size() == 1 && rig.reader.owned.size() == 1;
    }));
    auto ours = *rig.reader.owned.begin();
    for (int i = 1; i <= 4; ++i)
      require_value(transactions->submit(
        {before, {rig.part({"a" + std::to_string(i)}, i, 0), rig.part({"b"}, i, 1)}}));
    auto aborted = watch.aborts();
    REQUIRE(aborted);
    CHECK(aborted->first == 1);
    CHECK(aborted->regroup);
    CHECK(!aborted->permanent);
    rig.regroup();
    auto dropped = require_value(
      transactions->resume(rig.membership, [&](const auto& where) { return where == ours; }));
    CHECK(dropped.empty());
    REQUIRE(watch.commits(4));
    auto expected = ours.partition == 0 ? strings{"a1", "a2", "a3", "a4"}
                                        : strings{"b", "b", "b", "b"};
    CHECK(rig.committed_values(ours.partition) == expected);
    CHECK(rig.committed_values(1 - ours.partition).empty());
  });
}

TEST_CASE(
  "I6: after abort_all nothing of that assignment is committed, and what waits can be dropped") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    chain_watch watch;
    auto transactions = require_value(chain::make(rig.config(), watch));
    strings sent;
    for (int i = 1; i <= 200; ++i) {
      sent.push_back(std::to_string(i));
      require_value(transactions->submit(rig.with({rig.part({sent.back()}, i)})));
    }
    REQUIRE(watch.commits(3));
    require_ok(transactions->abort_all(rig.epoch, patience));
    auto done = watch.committed_ones().size();
    REQUIRE(done < 200);
    CHECK(!transactions->submit(rig.with({rig.part({"late"}, 201)})));
    REQUIRE(watch.aborts());
    CHECK(!transactions->resume(rig.membership, all_ours)); // of the same epoch
    rig.regroup();
    auto none = [](const auto&) { return false; };
    CHECK(require_value(transactions->resume(rig.membership, none)).size() == 200 - done);
    CHECK(transactions->waiting() == 0);
    sent.resize(done);
    CHECK(rig.committed_values() == sent);
    sent.emplace_back("next");
    auto next = require_value(
      transactions->submit(rig.with({rig.part({"next"}, static_cast<int64_t>(done) + 1)})));
    REQUIRE(watch.commits(next));
    CHECK(rig.committed_values() == sent);
  });
}

TEST_CASE("a record that the broker will never take names its partition, and the others go on") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker, 2};
    chain_watch watch;
    auto transactions = require_value(chain::make(rig.config(), watch));
    require_value(transactions->submit(
      rig.with({rig.part({"small"}, 1, 0), rig.part({std::string(2 << 20, 'x')}, 1, 1)})));
    auto aborted = watch.aborts();
    REQUIRE(aborted);
    CHECK(aborted->permanent);
    REQUIRE(aborted->culprit);
    CHECK(*aborted->culprit == kafka::topic_partition{rig.topic, 1});
    CHECK(describe(aborted->reason).find("message.max.bytes") != std::string::npos);
    require_value(transactions->resume(rig.membership, [&](const auto& where) {
      return where != *aborted->culprit;
    }));
    REQUIRE(watch.commits(1));
    CHECK(rig.committed_values(0) == strings{"small"});
  });
}

TEST_CASE("of records that were refused together the one that is wrong is blamed") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker, 2};
    auto wrong = test_broker::new_name("topic");
    std::vector<kafka::record_view> records{
      // the second is not taken, the others because of it
      {.topic = wrong, .key = "k", .value = "v", .partition = 0},
      {.topic = wrong, .key = "k", .value = "v", .partition = 0},
      {.topic = wrong, .key = "k", .value = "v", .partition = 0}};
    std::string large(500'000, 'x');
    std::string less_large(80'000, 'x');
    SECTION("one without a key, for a compacted topic") {
      require_ok(rig.asks->create_topic(wrong, 1, patience, {{"cleanup.policy", "compact"}}));
      records[1].key = {};
    }
    SECTION("one that is too large for its topic") {
      require_ok(rig.asks->create_topic(wrong, 1, patience, {{"max.message.bytes", "200000"}}));
      records[1].value = large;
      records[0].value = records[2].value = less_large;
    }
    chain_watch watch;
    auto transactions = require_value(chain::make(rig.config(), watch));
    auto first = rig.part({"good"}, 1, 0);
    first.records.insert(first.records.end(), {records[0], records[2]});
    auto second = rig.part({"with it"}, 1, 1);
    second.records.push_back(records[1]);
    require_value(transactions->submit(rig.with({first, second})));
    auto aborted = watch.aborts();
    while (aborted && !aborted->permanent) { // not known yet which it is
      require_value(transactions->resume(rig.membership, all_ours));
      aborted = watch.aborts();
    }
    REQUIRE(aborted);
    INFO(describe(aborted->reason));
    REQUIRE(aborted->culprit);
    CHECK(aborted->culprit->partition == 1);
    REQUIRE(goes_out(*transactions, watch, rig, *aborted->culprit));
    CHECK(rig.committed_values(0) == strings{"good"});
    CHECK(rig.committed_values(1).empty());
  });
}

TEST_CASE("among thousands of records the one that is refused is found in a few attempts") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker, 2};
    auto small_ones = test_broker::new_name("topic");
    require_ok(rig.asks->create_topic(small_ones, 1, patience, {{"max.message.bytes", "200000"}}));
    std::string large(500'000, 'x');
    auto first = rig.part({"good"}, 1, 0);
    first.records.insert(first.records.end(), 1500,
                         {.topic = small_ones, .key = "k", .value = "small", .partition = 0});
    auto second = rig.part({"with it"}, 1, 1);
    second.records.insert(second.records.end(), 1500, first.records.back());
    second.records[1000].value = large;
    chain_watch watch;
    auto transactions = require_value(chain::make(rig.config(), watch));
    require_value(transactions->submit(rig.with({first, second})));
    auto aborted = watch.aborts();
    auto attempts = 1;
    for (; aborted && !aborted->permanent; ++attempts) {
      require_value(transactions->resume(rig.membership, all_ours));
      aborted = watch.aborts();
    }
    REQUIRE(aborted);
    INFO(describe(aborted->reason));
    CHECK(attempts <= 12); // 3,000, 375, 46, 5, 1; and one more after each, see above
    REQUIRE(aborted->culprit);
    CHECK(aborted->culprit->partition == 1);
    REQUIRE(goes_out(*transactions, watch, rig, *aborted->culprit));
    CHECK(rig.committed_values(0) == strings{"good"});
  });
}

TEST_CASE("records that are refused because their batch is too large go out one by one") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    rig.out = test_broker::new_name("topic");
    require_ok(rig.asks->create_topic(rig.out, 1, patience, {{"max.message.bytes", "200000"}}));
    chain_watch watch;
    auto transactions = require_value(chain::make(rig.config(), watch));
    strings values{std::string(150'000, 'a'), std::string(150'000, 'b'), std::string(150'000, 'c')};
    require_value(transactions->submit(rig.with({rig.part(values, 1)})));
    REQUIRE(eventually([&] {
      if (auto aborted = watch.aborts(10ms)) {
        REQUIRE(!aborted->permanent);
        require_value(transactions->resume(rig.membership, all_ours));
      }
      return !watch.committed_ones().empty();
    }));
    CHECK(rig.committed_values() == values);
  });
}

TEST_CASE(
  "a chain that takes over a seat shuts its predecessor out, and ends what that left open") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    chain_watch before;
    auto old = require_value(chain::make(rig.config(), before));
    REQUIRE(before.commits(require_value(old->submit(rig.with({rig.part({"a"}, 1)})))));
    kafka::transactional_producer left_open{rig.producer_config(rig.prefix + "-2")};
    REQUIRE(left_open.open().what == outcome::done);
    REQUIRE(left_open.hand_over(rig.with({rig.part({"lost"}, 9)})).what == outcome::done);
    chain_watch after;
    auto cfg = rig.config();
    cfg.producers = 3;
    auto fresh = require_value(chain::make(cfg, after));
    REQUIRE(after.commits(require_value(fresh->submit(rig.with({rig.part({"b"}, 2)})))));
    require_value(old->submit(rig.with({rig.part({"c"}, 3)})));
    REQUIRE(before.fails());
    CHECK(before.failure() == errc::fenced);
    CHECK(!old->submit(rig.with({rig.part({"d"}, 4)})));
    REQUIRE(after.commits(require_value(fresh->submit(rig.with({rig.part({"e"}, 3)})))));
    CHECK(rig.committed_values() == strings{"a", "b", "e"});
  });
}

TEST_CASE("a transaction that could not be told from a stale owner's is refused") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    chain_watch watch;
    auto transactions = require_value(chain::make(rig.config(), watch));
    CHECK(transactions->submit({rig.membership, {}}).error() == errc::wrong_state);
    CHECK(transactions->submit({{}, {rig.part({"a"}, 1)}}).error() == errc::wrong_state);
    CHECK(transactions->resume(rig.membership, all_ours).error() == errc::wrong_state);
  });
}

TEST_CASE("a chain says what is wrong with its settings") {
  chain_watch watch;
  auto refused = [&](chain::config cfg) {
    auto made = chain::make(std::move(cfg), watch);
    return !made && made.error() == errc::bad_config;
  };
  CHECK(refused({.brokers = "127.0.0.1:1", .group = "g", .id_prefix = ""}));
  CHECK(refused({.brokers = "127.0.0.1:1", .group = "", .id_prefix = "p"}));
  CHECK(refused({.brokers = "127.0.0.1:1", .group = "g", .id_prefix = "p", .producers = 4}));
}

TEST_CASE("on the embedded broker a chain ends at once and says why and what to use") {
  auto broker = test_broker::embedded();
  chain_watch watch;
  auto transactions = require_value(
    chain::make({.brokers = broker.address(), .group = "g", .id_prefix = "p"}, watch));
  REQUIRE(watch.fails());
  CHECK(watch.failure() == errc::bad_config);
  CHECK(describe(watch.failure()).find("embedded broker") != std::string::npos);
  CHECK(describe(watch.failure()).find("real broker") != std::string::npos);
}
