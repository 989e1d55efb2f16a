// Sends what a load source gives, as fast as the producer takes it or at an even rate, and waits
// until all of it is reported. A full producer is waited for, never polled. One thread.
#pragma once

#include "actors/stop_signal.hpp"
#include "tools/cluster_access.hpp"
#include "tools/delivery_watch.hpp"
#include "tools/load_source.hpp"
#include "tools/progress.hpp"

#include <chrono>
#include <memory>
#include <optional>

namespace keyloom::tools {

class loader {
public:
  struct summary {
    uint64_t acknowledged = 0;
    uint64_t errors = 0;
    caf::error first_error; ///< of those `errors`
    double seconds = 0;     ///< from the first record handed over to the last report
  };

  /// `rate` in records a second, evenly spread; as fast as possible without. `what` is shown while
  /// it takes long. The first three must outlive the loader.
  loader(cluster_access& access, load_source& source, actors::stop_signal& stop,
         std::optional<double> rate, const std::string& what = "loading");

  /// Sends to `topic` until the source has no more, or a signal comes; what was handed over is
  /// waited for either way. Errors: the source's, properties the client does not take, and
  /// errc::broker_unreachable when the broker goes away and does not come back within the timeout.
  caf::expected<summary> run(const std::string& topic);

private:
  using clock = std::chrono::steady_clock;

  caf::error start();
  caf::error send_all(const std::string& topic);
  caf::error send(const outgoing_record& rec);
  caf::error flush();
  caf::error wait_for_reports();
  bool wait_for_turn();
  void turn_down(caf::error reason);
  summary sum_up() const;

  cluster_access& access_;
  load_source& source_;
  actors::stop_signal& stop_;
  std::optional<double> rate_;
  progress progress_;
  delivery_watch reports_;
  std::unique_ptr<kafka::producer> producer_; ///< reports to `reports_`
  clock::time_point started_;
  clock::time_point last_moved_; ///< when the count of reports was seen to change
  uint64_t last_reported_ = 0;
  uint64_t sent_ = 0; ///< or tried to
  uint64_t turned_down_ = 0;
  caf::error first_turned_down_;
};

} // namespace keyloom::tools
