// How many requests to the handler actors of a stage may be under way at once, over all partitions.
// First come, first served: who gets no place waits in line and is woken with the place already
// his. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>

namespace keyloom::work {

class concurrency_limit {
public:
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

    bool held() const;

  private:
    friend class concurrency_limit;
    enum class position { out, in_line, held };

    concurrency_limit& limit_;
    std::function<void()> granted_;
    position position_ = position::out;   // guarded by limit_.mutex_
    std::list<place*>::iterator in_line_; // valid while position_ is in_line
  };

private:
  void fill();

  std::mutex mutex_;
  uint32_t places_;   // guarded by mutex_, as all below
  uint32_t held_ = 0; // more than places_ for a while after that was lowered
  std::list<place*> line_;
};

} // namespace keyloom::work
