// The producer that users have beside their sources: kafka::producer, with callbacks, and a line
// for what its queue has no room for.
#include "runtime/kafka/producer.hpp"
#include "runtime/log/logger.hpp"

#include <keyloom/producer.hpp>

#include <atomic>
#include <deque>
#include <mutex>

namespace keyloom {

namespace {

using steady_clock = std::chrono::steady_clock;

/// How often `flush` looks whether records that had no room went to the client meanwhile.
constexpr std::chrono::milliseconds flush_slice{50};

/// A record on its way; the client's token.
struct pending {
  outgoing_record rec;
  producer::delivery_callback done;
};

/// A batch tells once, with its first refusal, when all of its records are back.
struct batch_state {
  std::atomic<size_t> left;
  std::mutex mutex;
  caf::error refused; // guarded by mutex
  producer::delivery_callback done;

  batch_state(size_t count, producer::delivery_callback callback)
    : left(count), done(std::move(callback)) {}

  void back(const caf::error& reason) {
    if (reason) {
      std::lock_guard guard{mutex};
      if (!refused)
        refused = reason;
    }
    if (left.fetch_sub(1) == 1)
      done(refused);
  }
};

} // namespace

struct producer::impl final : kafka::producer::report_port {
  ~impl() override {
    std::unique_ptr<kafka::producer> last;
    {
      std::lock_guard guard{mutex};
      last = std::move(client); // its thread hands nothing over from here on
    }
    last = nullptr; // reports what it drops
    for (auto& each : waiting)
      tell(*each, caf::make_error(errc::produce_failed, "a record for " + each->rec.topic
                                                          + " was not sent: the producer ended"));
  }

  void delivered(void* token, const caf::error& refused) override {
    std::unique_ptr<pending> back{static_cast<pending*>(token)};
    tell(*back, refused);
    --in_flight;
  }

  void reports_drained() override {
    std::vector<refusal> refused;
    {
      std::lock_guard guard{mutex};
      hand_over(refused);
    }
    tell_all(refused);
  }

  void send(std::unique_ptr<pending> next) {
    ++in_flight;
    std::vector<refusal> refused;
    {
      std::lock_guard guard{mutex};
      waiting.push_back(std::move(next));
      hand_over(refused);
    }
    tell_all(refused);
  }

  struct refusal {
    std::unique_ptr<pending> what;
    caf::error reason;
  };

  /// Gives the client what it has room for, in order. With `mutex` held.
  void hand_over(std::vector<refusal>& refused) {
    for (; client && !waiting.empty(); waiting.pop_front()) {
      auto* next = waiting.front().get();
      auto result = client->produce(next->rec, next);
      if (result.what == kafka::producer::verdict::queue_full)
        return; // there are records with the client: their reports come back here
      if (result.what == kafka::producer::verdict::accepted)
        static_cast<void>(waiting.front().release()); // the client's, until `delivered`
      else
        refused.push_back({std::move(waiting.front()), std::move(result.reason)});
    }
  }

  void tell_all(std::vector<refusal>& refused) {
    for (auto& each : refused) {
      tell(*each.what, each.reason);
      --in_flight;
    }
  }

  void tell(pending& what, const caf::error& refused) {
    try {
      what.done(refused);
    } catch (const std::exception& ex) {
      log.error("the delivery callback of a record for " + what.rec.topic + " threw: " + ex.what());
    } catch (...) {
      log.error("the delivery callback of a record for " + what.rec.topic
                + " threw something that is no std::exception");
    }
  }

  log::logger log{log::settings{}};
  std::atomic<size_t> in_flight{0};
  std::mutex mutex;
  std::deque<std::unique_ptr<pending>> waiting; // guarded by mutex
  std::unique_ptr<kafka::producer> client;      // guarded by mutex
};

caf::expected<producer> producer::start(producer_config cfg) {
  auto ptr = std::make_unique<impl>();
  auto made = kafka::producer::make({cfg.brokers, cfg.kafka,
                                     [log = &ptr->log](int level, const std::string& text) {
                                       log->kafka(level, text);
                                     }},
                                    *ptr);
  if (!made)
    return std::move(made.error());
  std::lock_guard guard{ptr->mutex}; // the client's thread runs already
  ptr->client = std::move(*made);
  return producer{std::move(ptr)};
}

producer::producer(std::unique_ptr<impl> ptr) : impl_(std::move(ptr)) {
  // nop
}

producer::producer(producer&&) noexcept = default;
producer& producer::operator=(producer&&) noexcept = default;
producer::~producer() = default;

void producer::send(outgoing_record rec, delivery_callback done) {
  impl_->send(std::make_unique<pending>(pending{std::move(rec), std::move(done)}));
}

std::future<caf::error> producer::send(outgoing_record rec) {
  auto promise = std::make_shared<std::promise<caf::error>>();
  send(std::move(rec), [promise](const caf::error& refused) { promise->set_value(refused); });
  return promise->get_future();
}

void producer::send(std::vector<outgoing_record> batch, delivery_callback done) {
  if (batch.empty()) {
    done({});
    return;
  }
  auto state = std::make_shared<batch_state>(batch.size(), std::move(done));
  for (auto& rec : batch)
    send(std::move(rec), [state](const caf::error& refused) { state->back(refused); });
}

caf::error producer::flush(std::chrono::milliseconds timeout) {
  auto end = steady_clock::now() + timeout;
  while (impl_->in_flight > 0) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now());
    if (left.count() <= 0)
      return caf::make_error(errc::produce_failed,
                             std::to_string(impl_->in_flight)
                               + " records are not acknowledged after "
                               + std::to_string(timeout.count())
                               + " ms; is the broker reachable? see message.timeout.ms");
    // What had no room goes to the client when reports make some: look again.
    static_cast<void>(impl_->client->flush(std::min(left, flush_slice)));
  }
  return {};
}

size_t producer::in_flight() const {
  return impl_->in_flight;
}

} // namespace keyloom
