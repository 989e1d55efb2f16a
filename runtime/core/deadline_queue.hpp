// The deadlines of the calls of one stage. They are all set equally far ahead, so they come due in
// the order they were set: a queue, where a call that ends in time is taken out again at once, so
// that it holds the calls under way and no others. Adding, removing and looking cost the same
// however many there are, which no timer a call would. Entries belong to their owner and are
// linked, not copied. Time comes in as an argument. One thread.
#pragma once

#include "runtime/core/order_gate.hpp"

#include <optional>

namespace keyloom::core {

class deadline_queue {
public:
  /// A deadline; part of what waits for it. Lies still while it is queued.
  class entry {
  public:
    entry() = default;
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;

    bool queued() const { return queued_; }

  protected:
    ~entry() = default;

  private:
    friend class deadline_queue;
    steady_time due_{};
    entry* earlier_ = nullptr;
    entry* later_ = nullptr;
    bool queued_ = false;
  };

  /// Deadlines lie `timeout` ahead; zero: there are none, and adding does nothing.
  explicit deadline_queue(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  std::chrono::milliseconds timeout() const { return timeout_; }
  bool empty() const { return first_ == nullptr; }

  /// Sets a deadline. `now` never goes back from one call to the next.
  void add(entry& x, steady_time now);

  /// Its call has ended. Nothing happens when it is not queued.
  void remove(entry& x);

  /// Takes out the earliest deadline when it has come; null when it has not, or there is none.
  entry* take_due(steady_time now);

  /// When the earliest one comes.
  std::optional<steady_time> next() const;

private:
  std::chrono::milliseconds timeout_;
  entry* first_ = nullptr;
  entry* last_ = nullptr;
};

} // namespace keyloom::core
