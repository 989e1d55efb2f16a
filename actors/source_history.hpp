// What a source did over the last minutes, a sample a second, for the page. Any thread.
#pragma once

#include "actors/source_board.hpp"

#include <deque>

namespace keyloom::actors {

class source_history {
public:
  /// One second of a stage or batcher. Times in ms; of a batcher those of batches.
  struct stage_sample {
    double calls_per_s = 0;
    double p50_ms = 0;
    double p99_ms = 0;
  };

  struct sample {
    int64_t time_ms = 0; ///< since 1970
    double in_per_s = 0;
    double out_per_s = 0;
    int64_t in_flight = 0;
    std::vector<stage_sample> stages; ///< batchers among them
  };

  /// For one start of a source.
  explicit source_history(const source_board& board) : board_(board) {}

  /// Takes a sample; to be called every second.
  void look();

  /// From the oldest.
  std::vector<sample> samples() const;

  /// The latest one; all zero before the second look.
  sample latest() const;

private:
  using clock = std::chrono::steady_clock;

  struct counted {
    uint64_t calls = 0;
    std::vector<core::distribution::bucket> took;
  };

  static counted count(const source_board::meters& from, size_t stage);

  const source_board& board_;
  mutable std::mutex mutex_;
  std::deque<sample> samples_; // guarded by mutex_, as all below
  clock::time_point looked_{};
  uint64_t in_ = 0;
  uint64_t out_ = 0;
  std::vector<counted> stages_;
};

} // namespace keyloom::actors
