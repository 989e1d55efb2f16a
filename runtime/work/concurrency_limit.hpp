// How many calls of a stage's handler actors or asynchronous functions may be under way at once,
// over all partitions. First come, first served: who gets no place waits in line and is woken with
// the place already his. Who has more to do may keep a place from call to call, but when others
// wait no longer than a time slice: a wake-up for each call would cost more than a short call
// itself. While nobody is in line, a place is taken and given back without a lock, as the actors of
// all partitions do so all the time. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>

namespace keyloom::work {

class concurrency_limit {
public:
  /// How long a place may be kept from call to call while others wait.
  static constexpr std::chrono::milliseconds time_slice{1};

  explicit concurrency_limit(uint32_t places) : places_(places) {}

  /// More places are given to those in line at once; with fewer, who holds one keeps it.
  void set_places(uint32_t places);

  /// One holder's place. Gives it back, or leaves the line, when destroyed. One owner at a time
  /// uses it.
  class place {
  public:
    /// `granted` is called, from any thread, when `acquire` answered false and a place has become
    /// free. It must only pass the news on.
    place(concurrency_limit& limit, std::function<void()> granted);
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place() { release(); }

    /// True: the place is held (now, or since `granted`). False: in line.
    bool acquire();

    void release();

    /// Between calls, for who has another one to make: keeps the place, or releases it when its
    /// time slice is over and others wait, or when there are too few places now.
    void pass_on();

    bool held() const { return position_ == position::held; }

  private:
    friend class concurrency_limit;
    enum class position { out, in_line, held };

    concurrency_limit& limit_;
    std::function<void()> granted_;
    std::atomic<position> position_ = position::out;    ///< from in_line to held: by who grants it
    std::list<place*>::iterator in_line_;               ///< valid while in line
    std::chrono::steady_clock::time_point slice_end_{}; ///< set once others wait
  };

private:
  /// Added to `held_` while somebody is in line: then only who has the lock changes it.
  static constexpr uint64_t line_flag = uint64_t{1} << 32;

  bool take();
  bool take_or_wait(place& who);
  void give_back();
  void fill();

  std::atomic<uint32_t> places_;  // changes under mutex_
  std::atomic<uint64_t> held_{0}; // more than places_ for a while after that was lowered
  std::mutex mutex_;
  std::list<place*> line_; // guarded by mutex_
};

} // namespace keyloom::work
