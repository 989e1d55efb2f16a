#include "tools/interrupt.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

namespace keyloom::tools {

interrupt::interrupt() {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGTERM);
  if (auto code = pthread_sigmask(SIG_BLOCK, &stops, &before_))
    throw std::system_error{code, std::generic_category(), "cannot block SIGINT and SIGTERM"};
  signals_ = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_ == -1)
    throw std::system_error{errno, std::generic_category(), "cannot listen for SIGINT and SIGTERM"};
}

interrupt::~interrupt() {
  close(signals_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool interrupt::raised() {
  constexpr timespec at_once{};
  return poll(&at_once);
}

bool interrupt::wait_until(std::chrono::steady_clock::time_point until) {
  using namespace std::chrono;
  for (;;) {
    auto left = duration_cast<nanoseconds>(until - steady_clock::now());
    left = std::max(left, nanoseconds::zero());
    auto whole = duration_cast<seconds>(left);
    timespec timeout{};
    timeout.tv_sec = static_cast<time_t>(whole.count());
    timeout.tv_nsec = static_cast<long>((left - whole).count());
    if (poll(&timeout))
      return true;
    if (steady_clock::now() >= until)
      return false;
  }
}

void interrupt::wait() {
  while (!poll(nullptr)) {
    // another signal ended the wait
  }
}

bool interrupt::poll(const timespec* timeout) {
  if (raised_)
    return true;
  pollfd entry{signals_, POLLIN, 0};
  if (ppoll(&entry, 1, timeout, nullptr) <= 0)
    return false;
  signalfd_siginfo info{};
  raised_ = read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info);
  // From here on a second signal does what it always does.
  if (raised_)
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  return raised_;
}

} // namespace keyloom::tools
