// A producer of one's own, for records that do not belong to an event's outputs: at start-up, from
// other threads, or in bulk. (A handler's outputs go through `context::forward`, which keeps their
// order and lets the offset wait for them.) Idempotent; keys are placed as Java's clients do.
//
//   auto made = keyloom::producer::start({.brokers = "127.0.0.1:9092"});
//   made->send({.topic = "greetings", .key = "k", .value = "hello"}, [](const caf::error& refused)
//   {
//     ...
//   });
//
// Any thread. Nothing blocks but `flush` and the destructor; what the client's queue has no room
// for waits in memory, in order.
#pragma once

#include <keyloom/context.hpp>
#include <keyloom/record.hpp>

#include <caf/expected.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace keyloom {

struct producer_config {
  /// Bootstrap brokers, HOST:PORT[,...].
  std::string brokers = "127.0.0.1:9092";

  /// librdkafka properties, passed through, e.g. {"linger.ms", "20"}.
  std::map<std::string, std::string> kafka = {};
};

class producer {
public:
  /// Hears what became of a record, or of the first record of a batch that was refused: an empty
  /// error when it was acknowledged, else errc::produce_failed with topic, sizes and reason. Called
  /// once, on the producer's thread; must not block. What it throws is logged and dropped.
  using delivery_callback = std::function<void(const caf::error& refused)>;

  /// errc::bad_config names a property the client does not take. Does not wait for a broker.
  static caf::expected<producer> start(producer_config cfg);

  producer(producer&&) noexcept;
  producer& operator=(producer&&) noexcept;

  /// Drops what was not sent, whose callbacks hear so; call `flush` first to send it.
  ~producer();

  void send(outgoing_record rec, delivery_callback done);

  /// The future holds what the callback would hear.
  std::future<caf::error> send(outgoing_record rec);

  /// Sends all of them; `done` is called once, when the last one is acknowledged or refused. An
  /// empty batch is done at once, before this returns.
  void send(std::vector<outgoing_record> batch, delivery_callback done);

  /// For a turn to return: its event is complete when all records are acknowledged, and fails with
  /// the first refusal.
  template <class Store>
  outcome send(context<Store>& ctx, std::vector<outgoing_record> batch) {
    auto event = ctx.job_complete([](context<Store>&) { return complete; });
    send(std::move(batch),
         [event](const caf::error& refused) { refused ? event.fail(refused) : event(); });
    return incomplete;
  }

  /// Waits until everything sent before was acknowledged or refused. errc::produce_failed when
  /// `timeout` passed before: says how many records still wait.
  caf::error flush(std::chrono::milliseconds timeout);

  /// Records sent and neither acknowledged nor refused.
  size_t in_flight() const;

private:
  struct impl;
  explicit producer(std::unique_ptr<impl> ptr);
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom
