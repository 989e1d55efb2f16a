#include "actors/stop_signal.hpp"

#include <cerrno>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace keyloom::actors {

namespace {

std::atomic<stop_signal*> first
  = nullptr; // the list; handlers read it, who changes it has the lock
std::atomic<int> handlers_running = 0;
std::atomic<int> signals_seen = 0;

std::mutex list_mutex;
struct sigaction old_interrupt; // guarded by list_mutex, as below
struct sigaction old_terminate;
struct sigaction old_user;

extern "C" void on_stop_signal(int number) {
  if (signals_seen.fetch_add(1) > 0)
    _exit(128 + number);
  ++handlers_running;
  for (auto* each = first.load(); each != nullptr; each = each->next())
    each->raise();
  --handlers_running;
}

extern "C" void on_dump_signal(int) {
  ++handlers_running;
  for (auto* each = first.load(); each != nullptr; each = each->next())
    each->ask_dump();
  --handlers_running;
}

void install_handlers() {
  signals_seen = 0;
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &old_interrupt);
  sigaction(SIGTERM, &action, &old_terminate);
  action.sa_handler = on_dump_signal;
  sigaction(SIGUSR1, &action, &old_user);
}

void restore_handlers() {
  sigaction(SIGINT, &old_interrupt, nullptr);
  sigaction(SIGTERM, &old_terminate, nullptr);
  sigaction(SIGUSR1, &old_user, nullptr);
}

} // namespace

stop_signal::stop_signal() {
  sem_init(&semaphore_, 0, 0);
  std::lock_guard guard{list_mutex};
  auto alone = first == nullptr;
  next_ = first.load();
  first = this;
  if (alone)
    install_handlers();
  else if (signals_seen > 0)
    raise(); // one came while the others run down: it is for this one, too
}

stop_signal::~stop_signal() {
  {
    std::lock_guard guard{list_mutex};
    if (first == this) {
      first = next_.load();
    } else {
      auto* before = first.load();
      while (before->next_ != this)
        before = before->next_;
      before->next_ = next_.load();
    }
    if (first == nullptr)
      restore_handlers();
  }
  while (handlers_running > 0) // on another thread, and it may be about to raise this one
    std::this_thread::yield();
  sem_destroy(&semaphore_);
}

void stop_signal::wait() {
  while (!seen())
    sem_wait(&semaphore_); // or a signal that is not ours
}

bool stop_signal::wait_until(std::chrono::steady_clock::time_point until) {
  // The steady clock is CLOCK_MONOTONIC.
  auto since_boot = std::chrono::ceil<std::chrono::nanoseconds>(until.time_since_epoch());
  auto whole = std::chrono::floor<std::chrono::seconds>(since_boot);
  timespec deadline{};
  deadline.tv_sec = static_cast<time_t>(whole.count());
  deadline.tv_nsec = static_cast<long>((since_boot - whole).count());
  while (!seen())
    if (sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &deadline) != 0 && errno == ETIMEDOUT)
      return seen();
  return true;
}

bool stop_signal::raised() {
  return seen();
}

void stop_signal::raise() {
  stop_asked_ = true;
  sem_post(&semaphore_);
}

void stop_signal::ask_dump() {
  dump_asked_ = true;
  sem_post(&semaphore_);
}

/// Whether a stop was asked for; does what else was.
bool stop_signal::seen() {
  if (dump_asked_.exchange(false) && dump_)
    dump_();
  return stop_asked_;
}

} // namespace keyloom::actors
