// The way back into a session for work that the kit does not do itself (`context::job_complete`,
// asynchronous functions). Any thread may use it: what comes from the test's own thread is seen at
// once, anything else with the test's next call of the kit. May outlive the session.
#pragma once

#include "runtime/core/return_port.hpp"
#include "runtime/core/work_memory.hpp"

#include <functional>
#include <mutex>
#include <thread>

namespace keyloom::rig {

class way_back final : public core::return_port {
public:
  /// `arrived` is called on the thread that makes this, when something came from there.
  explicit way_back(std::function<void()> arrived) : arrived_(std::move(arrived)) {}

  void finished(core::run&& part) override;

  /// The kit's jobs do not come back before their calls have returned.
  void call_returned(uint32_t, uint32_t, uint32_t) override {}

  /// The kit's producer reports without this.
  void delivered(std::vector<core::delivery>&&) override {}

  /// What has arrived since the last time.
  std::vector<core::run> take();

  /// The session ends, on the thread that made this: what arrives from now on is dropped.
  void close();

private:
  const std::thread::id owner_ = std::this_thread::get_id();
  std::function<void()> arrived_; // the owner's
  std::mutex mutex_;
  std::vector<core::run> parts_; // guarded by mutex_
  bool closed_ = false;          // guarded by mutex_
};

} // namespace keyloom::rig
