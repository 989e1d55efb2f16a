// Counts delivery reports for somebody who sends as fast as the producer takes records, and lets
// him wait when it takes no more. The report port's functions run on the producer's thread, the
// others on the sender's.
#pragma once

#include "runtime/kafka/producer.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace keyloom::tools {

class delivery_watch : public kafka::producer::report_port {
public:
  struct totals {
    uint64_t acknowledged = 0;
    uint64_t refused = 0;
    caf::error first_refusal;
    std::chrono::steady_clock::time_point last_report{};

    uint64_t reported() const { return acknowledged + refused; }
  };

  void delivered(void* token, const caf::error& refused) override;
  void reports_drained() override;

  totals read() const;

  /// Waits until more than `reported` records are reported, or `timeout` has passed.
  void wait_beyond(uint64_t reported, std::chrono::milliseconds timeout) const;

private:
  totals gathered_; ///< the producer's thread only
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  totals passed_on_; ///< guarded by `mutex_`
};

} // namespace keyloom::tools
