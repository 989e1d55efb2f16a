// A job on its way: scheduled in a turn, processed elsewhere, finalized back in its partition. Jobs
// are linked into runs and are recycled by their partition, so scheduling one usually allocates
// nothing. A job belongs to one thread at a time: its partition's, then the processor's, then its
// partition's. Where a call may outlive its job (asynchronous functions, and blocking ones with a
// timeout) the processor works on a job of its own instead, the *call*, which is lent key and
// payload.
#pragma once

#include <keyloom/errc.hpp>

#include <caf/expected.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace keyloom::core {
struct event;
} // namespace keyloom::core

namespace keyloom::detail {

/// The calls of one piece of work that have ended.
struct attempts {
  uint32_t made = 0;
  std::chrono::steady_clock::time_point first_failure{};
};

struct job {
  static constexpr uint32_t no_stage = UINT32_MAX;

  job() = default;
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  virtual ~job() = default;

  /// So that the key does not lie in the record's memory.
  void copy_key() {
    if (key.data() == nullptr || key.data() == own_key.data())
      return;
    own_key.assign(key);
    key = own_key;
  }

  // What is touched on every way comes first: it travels between cores, a cache line at a time.
  job* next = nullptr;           ///< the next job of the same run or turn
  core::event* origin = nullptr; ///< the event that waits for this job
  std::string_view key;          ///< in the record's memory or in `own_key`
  uint64_t key_hash = 0;
  uint32_t stage = 0;     ///< index of the stage in its source, or `no_stage`
  uint32_t slot = 0;      ///< its place in its stage's queue
  bool pass = false;      ///< does nothing but wait its turn; has no payload
  bool timed_out = false; ///< its call took longer than the stage's timeout
  bool keeps_key = false; ///< timed out, and its call still runs: its key waits for that (I3)
  bool again = false;     ///< failed, and is to be called again
  bool unbegun = false;   ///< comes back as it was: one before it in its run failed
  std::atomic<bool> begun{false}; ///< a call works on it; set by its processor, for who asks why it
                                  ///< takes so long (any thread)
  uint64_t behind = 0;            ///< jobs of its place that come before it
  int64_t held_bytes = 0;         ///< counted in the byte budget while the job is open
  attempts tried;
  std::string own_key; ///< keeps its capacity when the job is recycled
};

/// What became of a job, for who knows the result only.
template <class Result>
struct result_job : job {
  std::optional<caf::expected<Result>> result;
};

/// Sets the result, or, when moving it throws, an error that says so: a job that was answered must
/// never be left without a result.
template <class Result, class Given>
void set_result(result_job<Result>& answered, Given&& given) noexcept {
  auto failed = [&answered](const std::string& what) {
    answered.result.emplace(
      caf::make_error(errc::processor_failed, "moving the result threw" + what));
  };
  try {
    answered.result.emplace(std::forward<Given>(given));
  } catch (const std::exception& ex) {
    failed(std::string{": "} + ex.what());
  } catch (...) {
    failed(" something that is no std::exception");
  }
}

/// What the typed rim adds: the user's job, and what became of it.
template <class Job, class Result>
struct typed_job final : result_job<Result> {
  std::optional<Job> payload;
};

} // namespace keyloom::detail
