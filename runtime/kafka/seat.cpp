#include "runtime/kafka/seat.hpp"

#include <keyloom/errc.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace keyloom::kafka {

namespace {

constexpr int most = 10'000;

std::string file_of(const std::filesystem::path& folder, const std::string& name, int number) {
  auto hash = std::hash<std::string>{}(name);
  return folder / ("keyloom-seat-" + std::to_string(hash) + "-" + std::to_string(number));
}

} // namespace

caf::expected<seat> seat::take(const std::string& name) {
  std::error_code problem;
  auto folder = std::filesystem::temp_directory_path(problem);
  auto why = problem.message();
  for (int number = 0; !problem && number < most; ++number) {
    auto path = file_of(folder, name, number);
    // Read only, so that a file of another user will do.
    auto file = ::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0) {
      why = path + ": " + std::strerror(errno);
      if (errno == EACCES && std::filesystem::exists(path, problem))
        continue; // another user's, which this one may not even read
      break;
    }
    if (::flock(file, LOCK_EX | LOCK_NB) == 0)
      return seat{file, number};
    ::close(file);
  }
  return caf::make_error(errc::bad_config,
                         "no seat for transactional ids could be taken in the folder for temporary "
                         "files ("
                           + why
                           + "); set keyloom.instance to a name that no other process of the group "
                             "has, and this one has again after a restart");
}

seat::seat(seat&& other) noexcept : file_(std::exchange(other.file_, -1)), number_(other.number_) {
  // nop
}

seat& seat::operator=(seat&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(number_, other.number_);
  return *this;
}

seat::~seat() {
  if (file_ >= 0)
    ::close(file_);
}

std::string seat::text() const {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0)
    host = {'h', 'o', 's', 't'};
  return std::string{host.data()} + "-" + std::to_string(number_);
}

} // namespace keyloom::kafka
