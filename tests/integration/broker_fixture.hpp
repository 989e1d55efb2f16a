// The brokers of the integration tests: an embedded one, new for each test, and the real one that
// KEYLOOM_BROKER=host:port names. Without it, tests of the real broker warn, or fail where CI or
// KEYLOOM_REQUIRE_BROKER is set, so that they cannot be forgotten in silence. Topics and groups get
// names nobody used before, because a real broker keeps them.
#pragma once

#include "runtime/kafka/cluster.hpp"
#include "runtime/kafka/consumer.hpp"

#include <keyloom/embedded_broker.hpp>
#include <keyloom/errc.hpp>

#include <caf/expected.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>

namespace keyloom::test {

/// How long anything that must happen may take, on a slow machine under sanitizers.
constexpr std::chrono::seconds patience{30};

/// Fails the test with the error's text.
inline void require_ok(const caf::error& err) {
  INFO(describe(err));
  REQUIRE(!err);
}

/// The value, or a failed test with the error's text.
template <class T>
T require_value(caf::expected<T> result) {
  if (!result)
    FAIL(describe(result.error()));
  return std::move(*result);
}

/// Calls `f` until it returns true or `patience` is over; `f` itself waits a little.
template <class Predicate>
bool eventually(Predicate f, std::chrono::milliseconds limit = patience) {
  auto end = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < end)
    if (f())
      return true;
  return false;
}

class test_broker {
public:
  static test_broker embedded() {
    auto started = require_value(embedded_broker::start());
    auto address = started.brokers();
    return {std::move(started), std::move(address)};
  }

  static test_broker real(std::string address) { return {std::nullopt, std::move(address)}; }

  const std::string& address() const { return address_; }
  bool is_embedded() const { return embedded_.has_value(); }

  /// A name nobody used before.
  static std::string new_name(const std::string& prefix) {
    static std::mt19937_64 random{std::random_device{}()};
    return "keyloom-test-" + prefix + "-" + std::to_string(random());
  }

  /// A topic nobody used before.
  std::string new_topic(int32_t partitions) {
    auto name = new_name("topic");
    if (embedded_) {
      require_ok(embedded_->create_topic(name, partitions));
    } else {
      auto cluster = require_value(kafka::cluster::make(address_));
      require_ok(cluster->create_topic(name, partitions, patience));
    }
    return name;
  }

  /// A consumer that tests need not wait for: short fetches (the embedded broker lets an empty one
  /// wait the whole time) and a short session.
  kafka::consumer::config consumer_config(const std::string& group) const {
    return {.brokers = address_,
            .group = group,
            .kafka = {{"fetch.wait.max.ms", "10"},
                      {"session.timeout.ms", "3000"},
                      {"heartbeat.interval.ms", "300"}},
            .wake = {},
            .log = {}};
  }

  /// Ends the embedded broker while its clients live on.
  void stop() { embedded_.reset(); }

private:
  test_broker(std::optional<embedded_broker> embedded, std::string address)
    : embedded_(std::move(embedded)), address_(std::move(address)) {}

  std::optional<embedded_broker> embedded_;
  std::string address_;
};

/// The address of the real broker; none after a warning, or a failure where one is required.
inline std::optional<std::string> real_broker() {
  auto set = [](const char* name) {
    const auto* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  if (set("KEYLOOM_BROKER"))
    return std::getenv("KEYLOOM_BROKER");
  if (set("CI") || set("KEYLOOM_REQUIRE_BROKER"))
    FAIL("KEYLOOM_BROKER is not set, and this run requires a real broker: tools/broker.sh start");
  WARN("not run on a real broker: set KEYLOOM_BROKER=host:port (tools/broker.sh start)");
  return std::nullopt;
}

/// Runs a test on the real broker, where there is one.
template <class Test>
void on_real_broker(Test test) {
  if (auto address = real_broker()) {
    auto broker = test_broker::real(*address);
    test(broker);
  }
}

/// Runs a test on an embedded broker and on the real one.
template <class Test>
void on_each_broker(Test test) {
  SECTION("on the embedded broker") {
    auto broker = test_broker::embedded();
    test(broker);
  }
  SECTION("on the real broker") {
    on_real_broker(test);
  }
}

} // namespace keyloom::test
