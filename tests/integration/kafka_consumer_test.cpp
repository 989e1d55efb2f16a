// A consumer in its group: membership, commits, back-pressure, the end.
#include "tests/integration/kafka_clients.hpp"

#include <semaphore>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;

TEST_CASE("a group reads on where it committed") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    auto cfg = broker.consumer_config(test_broker::new_name("group"));
    kafka::topic_partition where{topic, 0};
    send(broker, numbered(topic, 0, 5));
    {
      member first{cfg, topic};
      REQUIRE(first.receives(5));
      require_ok(first.consumer->commit_async({{where, 3, "how far"}}));
      auto* answer = first.receives_event<kafka::offsets_committed>();
      REQUIRE(answer != nullptr);
      require_ok(answer->error);
      REQUIRE(answer->offsets.size() == 1);
      CHECK(answer->offsets[0].where == where);
      CHECK(answer->offsets[0].offset == 3);
    }
    member second{cfg, topic};
    auto committed = require_value(second.consumer->committed({where}, patience));
    REQUIRE(committed.size() == 1);
    CHECK(committed[0].offset == 3);
    CHECK(committed[0].metadata == "how far");
    second.start_at[where] = committed[0].offset;
    REQUIRE(second.receives(2));
    CHECK(values_of(second.records()) == std::vector<std::string>{"v3", "v4"});
  });
}

TEST_CASE("where nothing is committed, committed says -1 and reading starts at the first record") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    send(broker, numbered(topic, 0, 3));
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    auto committed = require_value(reader.consumer->committed({{topic, 0}}, patience));
    REQUIRE(committed.size() == 1);
    CHECK(committed[0].offset == -1);
    CHECK(committed[0].metadata.empty());
    REQUIRE(reader.receives(3));
    CHECK(values_of(reader.records()) == std::vector<std::string>{"v0", "v1", "v2"});
  });
}

TEST_CASE("partitions move to a second member and back while the others are read on") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(4);
    auto group = test_broker::new_name("group");
    member first{broker.consumer_config(group), topic};
    REQUIRE(first.owns(4));
    {
      member second{broker.consumer_config(group), topic};
      REQUIRE(eventually([&] {
        first.poll();
        second.poll();
        return first.owned.size() == 2 && second.owned.size() == 2;
      }));
      for (const auto& where : first.owned)
        CHECK(!second.owned.contains(where));
      size_t taken = 0;
      for (const auto& event : first.events)
        if (auto* revoked = std::get_if<kafka::partitions_revoked>(&event)) {
          CHECK(!revoked->lost);
          taken += revoked->partitions.size();
        }
      // Cooperative: the other two were never taken away.
      CHECK(taken == 2);
      for (int32_t i = 0; i < 4; ++i)
        send(broker, numbered(topic, i, 10));
      REQUIRE(eventually([&] {
        first.poll();
        second.poll();
        return first.records().size() + second.records().size() >= 40;
      }));
      CHECK(first.records().size() == 20);
      CHECK(second.records().size() == 20);
      second.consumer->close();
      REQUIRE(eventually([&] {
        first.poll();
        second.poll();
        return second.consumer->closed();
      }));
      CHECK(second.owned.empty());
    }
    CHECK(first.owns(4));
  });
}

TEST_CASE("records come out of drain only, never out of next_event") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(3);
    for (int32_t i = 0; i < 3; ++i)
      send(broker, numbered(topic, i, 100));
    member reader{broker.consumer_config(test_broker::new_name("group")), topic};
    REQUIRE(reader.receives(300));
    // Anything but a group's or the client's own words would be a client_error (see to_event).
    for (const auto& event : reader.events)
      CHECK(!std::holds_alternative<kafka::client_error>(event));
    std::map<int32_t, int64_t> next;
    for (const auto& batch : reader.batches)
      for (const auto& rec : batch->records())
        CHECK(rec.offset == next[batch->partition()]++);
  });
}

TEST_CASE("a partition that is not drained keeps its records and its membership") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(2);
    auto cfg = broker.consumer_config(test_broker::new_name("group"));
    cfg.kafka["max.poll.interval.ms"] = "3000";
    member reader{cfg, topic};
    kafka::topic_partition held{topic, 0};
    reader.undrained.insert(held);
    REQUIRE(reader.owns(2));
    send(broker, numbered(topic, 0, 50));
    send(broker, numbered(topic, 1, 50));
    REQUIRE(reader.receives(50));
    // Longer than session and poll interval.
    auto end = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < end)
      reader.poll();
    CHECK(reader.owned.size() == 2);
    CHECK(!reader.consumer->assignment_lost());
    CHECK(reader.records().size() == 50);
    reader.undrained.clear();
    REQUIRE(reader.receives(100));
    CHECK(reader.records().size() == 100);
    for (const auto& event : reader.events)
      CHECK(!std::holds_alternative<kafka::partitions_revoked>(event));
  });
}

TEST_CASE("a member that does not poll in time is told so and loses its partitions") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    auto cfg = broker.consumer_config(test_broker::new_name("group"));
    cfg.kafka["max.poll.interval.ms"] = "3000";
    std::counting_semaphore<> woken{0};
    cfg.wake = [&woken] { woken.release(); };
    member reader{cfg, topic};
    REQUIRE(reader.owns(1));
    // From here on it polls only when it is woken, which the news of the end do.
    auto told = [&] {
      for (auto before = reader.events.size() + 1; before != reader.events.size();) {
        before = reader.events.size();
        reader.poll(0ms);
      }
      return std::any_of(reader.events.begin(), reader.events.end(), [](const auto& event) {
        return std::holds_alternative<kafka::client_error>(event);
      });
    };
    while (!told())
      REQUIRE(woken.try_acquire_for(patience));
    auto* error = reader.receives_event<kafka::client_error>();
    REQUIRE(error != nullptr);
    CHECK(!error->fatal);
    CHECK_THAT(describe(error->error), Catch::Contains("max.poll.interval.ms"));
    auto* revoked = reader.receives_event<kafka::partitions_revoked>();
    REQUIRE(revoked != nullptr);
    CHECK(revoked->lost);
    // It joins again by itself.
    CHECK(reader.owns(1));
  });
}

TEST_CASE("nothing of a partition comes after it was given back, and all of it to its next owner") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(1);
    auto group = test_broker::new_name("group");
    kafka::topic_partition where{topic, 0};
    send(broker, numbered(topic, 0, 10));
    member first{broker.consumer_config(group), topic};
    first.undrained.insert(where);
    REQUIRE(first.owns(1));
    first.consumer->close();
    REQUIRE(first.owns(0));
    CHECK(first.consumer->drain(where, 100, 1 << 20) == nullptr);
    REQUIRE(eventually([&] {
      first.poll();
      return first.consumer->closed();
    }));
    member second{broker.consumer_config(group), topic};
    CHECK(second.receives(10));
  });
}

TEST_CASE("a partition that comes back is read from where its owner says") {
  on_each_broker([](test_broker& broker) {
    auto topic = broker.new_topic(2);
    auto group = test_broker::new_name("group");
    member first{broker.consumer_config(group), topic};
    REQUIRE(first.owns(2));
    send(broker, numbered(topic, 0, 10));
    send(broker, numbered(topic, 1, 10));
    REQUIRE(first.receives(20));
    {
      member second{broker.consumer_config(group), topic};
      REQUIRE(eventually([&] {
        first.poll();
        second.poll();
        return first.owned.size() == 1 && second.owned.size() == 1;
      }));
      auto moved = *second.owned.begin();
      first.start_at[moved] = 7;
    }
    REQUIRE(first.owns(2));
    REQUIRE(first.receives(23));
    auto values = values_of(first.records());
    CHECK(std::vector<std::string>(values.begin() + 20, values.end())
          == std::vector<std::string>{"v7", "v8", "v9"});
  });
}

// The embedded broker lets who joins after the last member left wait for a session anyway.

TEST_CASE("a consumer that was never closed leaves its group when it goes") {
  on_real_broker([](test_broker& broker) {
    auto topic = broker.new_topic(2);
    auto cfg = broker.consumer_config(test_broker::new_name("group"));
    cfg.kafka["session.timeout.ms"] = "30000";
    {
      member gone{cfg, topic};
      REQUIRE(gone.owns(2));
    }
    member next{cfg, topic};
    auto start = std::chrono::steady_clock::now();
    REQUIRE(next.owns(2));
    CHECK(std::chrono::steady_clock::now() - start < 15s);
  });
}

TEST_CASE("a consumer that did not answer its group leaves it when it goes") {
  on_real_broker([](test_broker& broker) {
    auto topic = broker.new_topic(2);
    auto cfg = broker.consumer_config(test_broker::new_name("group"));
    cfg.kafka["session.timeout.ms"] = "30000";
    {
      auto silent = require_value(kafka::consumer::make(cfg));
      require_ok(silent->subscribe({topic}));
      REQUIRE(eventually([&] { return silent->next_event(20ms).has_value(); }));
    }
    member next{cfg, topic};
    auto start = std::chrono::steady_clock::now();
    REQUIRE(next.owns(2));
    CHECK(std::chrono::steady_clock::now() - start < 15s);
  });
}

TEST_CASE("a consumer goes even when its broker is gone") {
  auto broker = test_broker::embedded();
  auto topic = broker.new_topic(1);
  auto reader = std::make_unique<member>(broker.consumer_config(test_broker::new_name("group")),
                                         topic);
  REQUIRE(reader->owns(1));
  broker.stop();
  auto start = std::chrono::steady_clock::now();
  reader.reset();
  CHECK(std::chrono::steady_clock::now() - start < 20s);
}
