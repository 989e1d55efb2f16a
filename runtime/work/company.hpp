// Who is with an instance of a handler actor: any number of callers among each other, or one alone.
// A job that an instance died with is sent alone, so that no neighbour can be to blame when the
// next instance dies, too. Who wants to be alone waits until all who are inside have left, and from
// then on nobody else comes in: so those who want to be alone go first, one after the other, in the
// order they came. The others wait in line and are let in together. While nobody wants to be alone,
// joining and leaving take no lock, as key actors of all partitions do so all the time. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>

namespace keyloom::work {

class company {
public:
  enum class manner : uint8_t { among_others, alone };

  company() = default;
  company(const company&) = delete;
  company& operator=(const company&) = delete;

  /// One caller, in one company at a time; leaves it, or its line, when destroyed. One owner at a
  /// time uses it.
  class member {
  public:
    /// `admitted` is called, from any thread, when `join` answered false and the caller is inside
    /// now. It must only pass the news on.
    explicit member(std::function<void()> admitted) : admitted_(std::move(admitted)) {}
    member(const member&) = delete;
    member& operator=(const member&) = delete;
    ~member() { leave(); }

    /// True: inside (now, or since `admitted`). False: in line. Who wants another company, or
    /// another manner, leaves first.
    bool join(company& which, manner how);

    void leave();

    /// Between calls, for who has another one to make: leaves when others wait for it, or when it
    /// was alone; true when it is still inside.
    bool pass_on();

    /// The caller waits no more for a request that may still be worked on: should the instance die,
    /// that one may be to blame.
    void abandon();

    /// Whether an abandoned request may be to blame for a death. Says so once.
    bool excused();

  private:
    friend class company;
    enum class position { out, in_line, inside };

    std::function<void()> admitted_;
    company* where_ = nullptr;
    manner how_ = manner::among_others;
    std::atomic<position> position_ = position::out; ///< from in_line to inside: by who admits it
    std::list<member*>::iterator in_line_;           ///< valid while in line
  };

  /// Another instance has taken the place of a dead one, and all its requests died with it.
  void renewed() { abandoned_ = false; }

private:
  /// Added to `inside_` while somebody is alone, or waits: then only who has the lock changes it.
  static constexpr uint64_t line_flag = uint64_t{1} << 32;

  bool enter();
  bool enter_or_wait(member& who);
  void exit(const member& who);
  void fill();
  void admit(member& who);
  std::list<member*>& line_of(const member& who);

  std::atomic<uint64_t> inside_{0}; ///< those among others
  std::atomic<bool> abandoned_ = false;
  std::mutex mutex_;
  const member* sole_ = nullptr; // guarded by mutex_, as all below
  std::list<member*> want_alone_;
  std::list<member*> others_; ///< wait until nobody is alone, or wants to be
};

} // namespace keyloom::work
