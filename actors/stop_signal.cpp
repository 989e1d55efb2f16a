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
  sem_init(&raised_, 0, 0);
  to_wake = &raised_;
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
  sem_destroy(&raised_);
}

void stop_signal::wait() {
  while (sem_wait(&raised_) == -1 && errno == EINTR) {
    // a signal that is not ours
  }
}

void stop_signal::raise() {
  sem_post(&raised_);
}

} // namespace keyloom::actors
