// The topic behind a store, and reading it. Real brokers only.
#include "runtime/kafka/change_log.hpp"
#include "runtime/kafka/change_log_reader.hpp"
#include "tests/integration/transaction_rig.hpp"

#include <map>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using outcome = core::transaction_plan::outcome;

namespace {

using strings = std::vector<std::string>;

/// Remembers what the reader said.
class restore_book : public kafka::change_log_reader::restore_port {
public:
  struct entry {
    std::optional<kafka::change_log_reader::start> start;
    strings values;
    std::optional<kafka::change_log_reader::progress> done;
    int64_t position = -1;
    caf::error failed;
  };

  void found(int32_t partition, const kafka::change_log_reader::start& begin) override {
    note(partition, [&](entry& of) { of.start = begin; });
  }
  void entries(int32_t partition, core::record_batch_ptr batch) override {
    note(partition, [&](entry& of) {
      for (const auto& rec : batch->records())
        of.values.emplace_back(rec.value);
    });
  }
  void progressed(int32_t, const kafka::change_log_reader::progress&) override {}
  void restored(int32_t partition, const kafka::change_log_reader::progress& how_far,
                int64_t position) override {
    note(partition, [&](entry& of) {
      of.done = how_far;
      of.position = position;
    });
  }
  void failed(int32_t partition, const caf::error& reason) override {
    note(partition, [&](entry& of) { of.failed = reason; });
  }
  bool has_room(int32_t) override {
    std::lock_guard guard{mutex_};
    return room_;
  }

  void set_room(bool room) {
    std::lock_guard guard{mutex_};
    room_ = room;
  }

  entry of(int32_t partition) {
    std::lock_guard guard{mutex_};
    return entries_[partition];
  }

  bool ends(int32_t partition, std::chrono::milliseconds limit = patience) {
    return waits(partition, limit, [](const entry& x) { return x.done || x.failed; });
  }

  bool finds(int32_t partition, std::chrono::milliseconds limit = patience) {
    return waits(partition, limit, [](const entry& x) { return x.start.has_value(); });
  }

private:
  template <class Function>
  void note(int32_t partition, Function f) {
    std::lock_guard guard{mutex_};
    f(entries_[partition]);
    changed_.notify_all();
  }

  template <class Predicate>
  bool waits(int32_t partition, std::chrono::milliseconds limit, Predicate p) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, limit, [&] { return p(entries_[partition]); });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int32_t, entry> entries_;
  bool room_ = true;
};

kafka::change_log_reader::config config_of(const transaction_rig& rig) {
  return {.brokers = rig.broker.address(),
          .group = rig.group,
          .source = rig.topic,
          .change_log = rig.out};
}

} // namespace

TEST_CASE("a change-log topic is created compacted, with the partitions of its source") {
  on_real_broker([](test_broker& broker) {
    auto asks = require_value(kafka::cluster::make(broker.address()));
    auto name = test_broker::new_name("changes");
    require_ok(kafka::ensure_change_log(*asks, {name, "source", 3}, patience));
    CHECK(require_value(asks->partition_count(name, patience)) == 3);
    CHECK(require_value(asks->topic_config(name, patience))["cleanup.policy"] == "compact");
    require_ok(kafka::ensure_change_log(*asks, {name, "source", 3}, patience));
  });
}

TEST_CASE("a change-log topic that is not as it must be is refused with the remedy") {
  on_real_broker([](test_broker& broker) {
    auto asks = require_value(kafka::cluster::make(broker.address()));
    auto compacted = test_broker::new_name("changes");
    require_ok(asks->create_topic(compacted, 2, patience, {{"cleanup.policy", "compact"}}));
    auto err = kafka::ensure_change_log(*asks, {compacted, "legs", 3}, patience);
    CHECK(err == errc::bad_config);
    auto text = describe(err);
    INFO(text);
    for (const auto* part : {compacted.c_str(), "has 2 partitions", "legs has 3", "name another"})
      CHECK(text.find(part) != std::string::npos);
    auto kept = broker.new_topic(3);
    err = kafka::ensure_change_log(*asks, {kept, "legs", 3}, patience);
    CHECK(err == errc::bad_config);
    text = describe(err);
    INFO(text);
    for (const auto* part : {kept.c_str(), "\"delete\"", "\"compact\"", "kafka-configs"})
      CHECK(text.find(part) != std::string::npos);
  });
}

TEST_CASE("I7: restoring waits for the last transaction and sees what it wrote") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    kafka::transactional_producer producer{rig.producer_config(rig.prefix + "-0")};
    REQUIRE(producer.open().what == outcome::done);
    auto commit = [&](const kafka::transaction& what) {
      REQUIRE(producer.hand_over(what).what == outcome::done);
      REQUIRE(producer.send_offsets(what).what == outcome::done);
      REQUIRE(producer.commit().what == outcome::done);
    };
    commit(rig.with({rig.part({"a", "b"}, 1)}));
    auto aborted = rig.with({rig.part({"lost", "lost"}, 2)});
    REQUIRE(producer.hand_over(aborted).what == outcome::done);
    REQUIRE(producer.abort().what == outcome::done);
    auto last = rig.with({rig.part({"c"}, 3)});
    REQUIRE(producer.hand_over(last).what == outcome::done);
    REQUIRE(producer.send_offsets(last).what == outcome::done);
    restore_book book;
    kafka::change_log_reader reader{config_of(rig), book};
    reader.restore({0});
    CHECK(!book.finds(0, 500ms));
    REQUIRE(producer.commit().what == outcome::done);
    REQUIRE(book.ends(0));
    auto found = book.of(0);
    INFO(describe(found.failed));
    REQUIRE(found.done);
    CHECK(found.start->committed.offset == 3);
    CHECK(found.start->committed.metadata == "counter 3");
    CHECK(found.values == strings{"a", "b", "c"});
    CHECK(found.done->records == 3);
    CHECK(found.done->remaining == 0);
    CHECK(found.position >= found.start->log.high);
  });
}

TEST_CASE("I7: a change log whose last transaction is not marked yet is waited for") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker};
    kafka::transactional_producer producer{rig.producer_config(rig.prefix + "-0")};
    REQUIRE(producer.open().what == outcome::done);
    // Without offsets: as if the marker of the offset's partition had been written before.
    REQUIRE(producer.hand_over(rig.with({rig.part({"a"}, 1)})).what == outcome::done);
    restore_book book;
    kafka::change_log_reader reader{config_of(rig), book};
    reader.restore({0});
    REQUIRE(book.finds(0));
    CHECK(!book.ends(0, 500ms)); // a read_committed reader is at the end of what it may see
    REQUIRE(producer.commit().what == outcome::done);
    REQUIRE(book.ends(0));
    CHECK(book.of(0).values == strings{"a"});
  });
}

TEST_CASE("several partitions are restored at once, empty ones too, and again after a cancel") {
  on_real_broker([](test_broker& broker) {
    transaction_rig rig{broker, 3};
    send(broker, numbered(rig.out, 0, 2000));
    send(broker, numbered(rig.out, 1, 3000));
    restore_book book;
    kafka::change_log_reader reader{config_of(rig), book};
    book.set_room(false);
    reader.restore({1});
    REQUIRE(book.finds(1));
    reader.cancel({1});
    book.set_room(true);
    CHECK(!book.ends(1, 200ms));
    CHECK(book.of(1).values.empty());
    reader.restore({0, 1, 2});
    for (int32_t i = 0; i < 3; ++i) {
      REQUIRE(book.ends(i));
      INFO(describe(book.of(i).failed));
      CHECK(book.of(i).done);
    }
    CHECK(book.of(0).values.size() == 2000);
    CHECK(book.of(1).values.size() == 3000);
    CHECK(book.of(2).values.empty());
    CHECK(book.of(2).start->committed.offset == -1);
    CHECK(book.of(0).done->bytes > 2000);
    reader.restore({0});
    REQUIRE(eventually([&] {
      std::this_thread::yield();
      return book.of(0).values.size() == 4000;
    }));
  });
}

TEST_CASE("a restore that cannot be done fails with the reason") {
  auto config = kafka::change_log_reader::config{
    .brokers = "127.0.0.1:1", .group = "g", .source = "s", .change_log = "c"};
  config.timeout = 100ms;
  restore_book book;
  kafka::change_log_reader reader{config, book};
  reader.restore({0});
  REQUIRE(book.ends(0));
  INFO(describe(book.of(0).failed));
  CHECK(book.of(0).failed == errc::broker_unreachable);
}
