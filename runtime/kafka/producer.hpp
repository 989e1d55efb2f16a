// An idempotent producer. `produce` never blocks: a full queue is an answer, and the caller keeps
// the record and comes again. Delivery reports are served by a thread of the producer's own, which
// calls the report port; reports of records sent to one partition come in the order they were
// produced, but for those that the destructor drops. `produce` and `flush` may be called from any
// thread.
//
// Records travel in batches: when the broker refuses one as too large (max.message.bytes of the
// topic), all records of its batch are reported as refused. Topics that do not exist are created by
// the broker where it allows that, unless the property allow.auto.create.topics is false.
#pragma once

#include "runtime/kafka/properties.hpp"

#include <keyloom/record.hpp>

#include <caf/expected.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <span>

namespace keyloom::kafka {

class producer {
public:
  /// Receives delivery reports, on the producer's thread. It must not block.
  class report_port {
  public:
    virtual ~report_port() = default;
    /// The broker acknowledged the record with this token, or refused it for good.
    virtual void delivered(void* token, const caf::error& refused) = 0;
    /// What was waiting has been reported: a moment to pass on what was gathered. Comes after every
    /// `delivered`, soon; `flush` returns after it.
    virtual void reports_drained() = 0;
  };

  struct config {
    std::string brokers;
    properties kafka = {};
    std::function<void(int level, const std::string& text)> log;
  };

  enum class verdict { accepted, queue_full, refused };

  struct produce_result {
    verdict what = verdict::accepted;
    caf::error reason; ///< for `refused`: record too large, unknown partition, ...
  };

  /// `reports` must outlive the producer.
  static caf::expected<std::unique_ptr<producer>> make(config cfg, report_port& reports);

  /// Drops what was not sent, which is reported as refused, and joins the thread; call `flush`
  /// first to send it.
  ~producer();

  /// Hands a record over (it is copied). `token` comes back in `delivered` exactly once when the
  /// answer is `accepted`, and never otherwise.
  produce_result produce(const outgoing_record& rec, void* token);

  struct item {
    const outgoing_record* rec;
    void* token;
  };

  /// Hands over several records, in their order, as `produce` does one; cheaper. Returns how many
  /// were accepted: the first ones; `why` says what became of the next.
  size_t produce(std::span<const item> items, produce_result& why);

  /// Waits until all records are reported or `timeout` passed; true when none is left.
  bool flush(std::chrono::milliseconds timeout);

  /// Records handed over and not reported yet.
  size_t in_flight() const;

private:
  struct impl;
  explicit producer(std::unique_ptr<impl> ptr);
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom::kafka
