#include "actors/caf_lines.hpp"

#include "actors/log_settings.hpp"

#include <caf/actor_ostream.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/settings.hpp>

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace keyloom::actors {

namespace {

/// Before each line of CAF's logger, and its level behind.
constexpr std::string_view mark = "\x01";

std::string verbosity(log::level of) {
  switch (of) {
    case log::level::debug:
      return "debug";
    case log::level::info:
      return "info";
    case log::level::warning:
      return "warning";
    case log::level::error:
      return "error";
    case log::level::off:
      break;
  }
  return "quiet";
}

log::level level_of(std::string_view caf_name) {
  if (caf_name == "ERROR")
    return log::level::error;
  if (caf_name == "WARN" || caf_name == "WARNING")
    return log::level::warning;
  return caf_name == "INFO" ? log::level::info : log::level::debug;
}

} // namespace

caf_lines::caf_lines(caf::actor_system_config& config)
  : log_(read_log_settings(caf::content(config))) {
  std::array<int, 2> ends{};
  over_ = eventfd(0, EFD_CLOEXEC);
  if (over_ < 0 || pipe2(ends.data(), O_CLOEXEC) != 0)
    return;
  from_ = ends[0];
  to_ = ends[1];
  fcntl(from_, F_SETFL, O_NONBLOCK);
  path_ = "/proc/self/fd/" + std::to_string(to_);
  auto own_file = caf::get_if<std::string>(&caf::content(config), "caf.logger.file.path");
  auto level
    = read_log_settings(caf::content(config)).levels[static_cast<size_t>(log::component::caf)];
  if (own_file == nullptr) {
    config.set("caf.logger.file.path", path_);
    config.set("caf.logger.file.verbosity", verbosity(level));
    config.set("caf.logger.file.format", std::string{mark} + "%p %c: %m%n");
  }
  reader_ = std::thread{[this] { read(); }};
}

/// CAF has closed its end with the actor system; a program that was started from here may still
/// hold it open, so the end of the pipe is not waited for.
caf_lines::~caf_lines() {
  if (path_.empty())
    return;
  eventfd_write(over_, 1);
  reader_.join();
  for (auto each : {from_, to_, over_})
    close(each);
}

void caf_lines::take_prints_of(caf::actor_system& system) const {
  caf::actor_ostream::redirect_all(system, path_.empty() ? "/dev/stderr" : path_);
}

void caf_lines::read() {
  std::array<pollfd, 2> ends{{{from_, POLLIN, 0}, {over_, POLLIN, 0}}};
  do
    poll(ends.data(), ends.size(), -1);
  while (read_all() && ends[1].revents == 0);
  write(std::exchange(rest_, {}));
}

/// What is there. False: the pipe is of no use any more.
bool caf_lines::read_all() {
  std::array<char, 4096> chunk{};
  auto size = ::read(from_, chunk.data(), chunk.size());
  for (; size > 0; size = ::read(from_, chunk.data(), chunk.size())) {
    rest_.append(chunk.data(), static_cast<size_t>(size));
    for (auto end = rest_.find('\n'); end != rest_.npos; end = rest_.find('\n')) {
      write(rest_.substr(0, end));
      rest_.erase(0, end + 1);
    }
  }
  return size < 0 && (errno == EAGAIN || errno == EINTR);
}

void caf_lines::write(std::string line) {
  auto at = log::level::warning; // printed
  if (line.starts_with(mark)) {
    auto space = std::min(line.find(' '), line.size());
    at = level_of(std::string_view{line}.substr(1, space - 1));
    line.erase(0, std::min(space + 1, line.size()));
  }
  if (!line.empty())
    log_.write(log::component::caf, at, line);
}

} // namespace keyloom::actors
