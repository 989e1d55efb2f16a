// The way back into a partition that keeps what comes until the test takes it, as an actor's
// mailbox does. Any thread may bring something.
#pragma once

#include "runtime/core/partition.hpp"

#include <mutex>

namespace keyloom::fakes {

class fake_return final : public core::return_port {
public:
  void finished(core::run&& part) override {
    std::lock_guard guard{mutex_};
    parts_.push_back(std::move(part));
  }

  void call_returned(uint32_t, uint32_t, uint32_t) override {
    // no call of the fakes outlives its job
  }

  void delivered(std::vector<core::delivery>&&) override {
    // outputs are reported by fake_outputs
  }

  /// What came back since the last time, for `partition::finished`.
  std::vector<core::run> take() {
    std::lock_guard guard{mutex_};
    return std::exchange(parts_, {});
  }

  size_t size() {
    std::lock_guard guard{mutex_};
    return parts_.size();
  }

private:
  std::mutex mutex_;
  std::vector<core::run> parts_; // guarded by mutex_
};

} // namespace keyloom::fakes
