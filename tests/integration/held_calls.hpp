// Blocking calls that a test holds: each waits until the test lets all go, and is counted, so that
// a test sees what had begun, and whether two calls of a key ever ran at once. Any thread.
#pragma once

#include <keyloom/keyloom.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace keyloom::test {

class held_calls {
public:
  /// The call itself: from the processor.
  void call(std::string_view key) {
    std::unique_lock lock{mutex_};
    auto& own = calls_[std::string{key}];
    ++own.begun;
    overlapped_ = overlapped_ || ++own.running > 1;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --own.running;
  }

  /// Lets all calls return, those to come as well.
  void let_go() {
    std::lock_guard guard{mutex_};
    open_ = true;
    changed_.notify_all();
  }

  /// Waits until so many calls of the key have begun; false when they do not come in time.
  bool has_begun(const std::string& key, int count, std::chrono::milliseconds limit) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, limit, [&] { return calls_[key].begun >= count; });
  }

  int begun(const std::string& key) {
    std::lock_guard guard{mutex_};
    return calls_[key].begun;
  }

  bool overlapped() const {
    std::lock_guard guard{mutex_};
    return overlapped_;
  }

private:
  struct of_key {
    int begun = 0;
    int running = 0;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, of_key> calls_; // guarded by mutex_, as all below
  bool open_ = false;
  bool overlapped_ = false;
};

/// Each record is a job of a stage "hold", where those of key "slow" are held; three calls at once.
inline void hold_slow_key(event_source<>& source, held_calls& calls) {
  auto hold = source.stage<int, void>("hold", blocking([&calls](std::string_view key, int&) {
                                        if (key == "slow")
                                          calls.call(key);
                                      }),
                                      stage_options{.limits = {.concurrency = 3}});
  source.on_default(
    [hold](context<>& ctx, const record& rec) { return hold.schedule(ctx, rec.key, 1); });
}

} // namespace keyloom::test
