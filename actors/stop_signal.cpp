#include "actors/stop_signal.hpp"

#include <atomic>
#include <cerrno>
#include <unistd.h>

namespace keyloom::actors {

namespace {

std::atomic<sem_t*> to_wake = nullptr;
std::atomic<int> signals_seen = 0;

extern "C" void on_stop_signal(int number) {
  if (signals_seen.fetch_add(1) > 0)
    _exit(128 + number);
  if (auto* waiting = to_wake.load())
    sem_post(waiting);
}

} // namespace

stop_signal::stop_signal() {
  sem_init(&semaphore_, 0, 0);
  to_wake = &semaphore_;
  signals_seen = 0;
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &old_interrupt_);
  sigaction(SIGTERM, &action, &old_terminate_);
}

stop_signal::~stop_signal() {
  sigaction(SIGINT, &old_interrupt_, nullptr);
  sigaction(SIGTERM, &old_terminate_, nullptr);
  to_wake = nullptr;
  sem_destroy(&semaphore_);
}

void stop_signal::wait() {
  while (!raised_ && !seen(sem_wait(&semaphore_))) {
    // a signal that is not ours
  }
}

bool stop_signal::wait_until(std::chrono::steady_clock::time_point until) {
  // The steady clock is CLOCK_MONOTONIC.
  auto since_boot = std::chrono::ceil<std::chrono::nanoseconds>(until.time_since_epoch());
  auto whole = std::chrono::floor<std::chrono::seconds>(since_boot);
  timespec deadline{};
  deadline.tv_sec = static_cast<time_t>(whole.count());
  deadline.tv_nsec = static_cast<long>((since_boot - whole).count());
  while (!raised_ && !seen(sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &deadline)))
    if (errno == ETIMEDOUT)
      return false;
  return true;
}

bool stop_signal::raised() {
  return raised_ || seen(sem_trywait(&semaphore_));
}

void stop_signal::raise() {
  sem_post(&semaphore_);
}

bool stop_signal::seen(int result) {
  raised_ = raised_ || result == 0;
  return raised_;
}

} // namespace keyloom::actors
