#include "tests/integration/child_process.hpp"

#include <array>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace keyloom::test {

child_process::child_process(const std::vector<std::string>& arguments) {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  out_ = ends[0];
  std::string name = "integration_tests";
  std::vector<char*> argv{name.data()};
  auto copies = arguments;
  for (auto& each : copies)
    argv.push_back(each.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (auto descriptor : {STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_adddup2(&actions, ends[1], descriptor);
  auto failed = posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  REQUIRE(failed == 0);
}

child_process::~child_process() {
  if (!ended_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(out_);
}

bool child_process::says(const std::string& text) {
  return eventually([&] {
    for (auto end = output_.find('\n', searched_); end != output_.npos;
         end = output_.find('\n', searched_)) {
      auto line = output_.substr(searched_, end - searched_);
      searched_ = end + 1;
      if (line.find(text) != line.npos)
        return true;
    }
    read_some(std::chrono::milliseconds{100});
    return false;
  });
}

int child_process::exit_code() {
  auto closed = eventually([&] { return !read_some(std::chrono::milliseconds{100}); });
  if (!closed)
    return -1;
  int status = 0;
  ended_ = waitpid(pid_, &status, 0) == pid_;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// False when the child has closed its end.
bool child_process::read_some(std::chrono::milliseconds limit) {
  pollfd entry{out_, POLLIN, 0};
  if (poll(&entry, 1, static_cast<int>(limit.count())) <= 0)
    return true;
  std::array<char, 4096> bytes{};
  auto got = read(out_, bytes.data(), bytes.size());
  if (got > 0)
    output_.append(bytes.data(), static_cast<size_t>(got));
  return got > 0;
}

} // namespace keyloom::test
