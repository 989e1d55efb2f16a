#include "tests/integration/own_broker.hpp"

#include "tests/integration/broker_fixture.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace keyloom::test {

own_broker::own_broker() {
  auto pattern = (std::filesystem::temp_directory_path() / "keyloom-own-broker.XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  address_ = call("start");
  pid_ = read_pid();
  std::ifstream cmdline{"/proc/" + std::to_string(pid_) + "/cmdline"};
  for (std::string word; std::getline(cmdline, word, '\0');)
    command_.push_back(word);
}

own_broker::~own_broker() {
  call("stop");
  waitpid(pid_, nullptr, WNOHANG); // when `restart` started it
  std::filesystem::remove_all(folder_);
}

void own_broker::kill() const {
  REQUIRE(::kill(pid_, SIGKILL) == 0);
  waitpid(pid_, nullptr, 0); // of ours, or not: then it fails, and its files tell
  REQUIRE(eventually([this] {
    usleep(10'000); // between looks
    std::ifstream status{"/proc/" + std::to_string(pid_) + "/status"};
    std::string text{std::istreambuf_iterator<char>{status}, {}};
    return text.empty() || text.find("State:\tZ") != std::string::npos;
  }));
}

void own_broker::restart() {
  std::vector<char*> argv;
  for (auto& word : command_)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  auto log = folder_ + "/broker.log";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_APPEND, 0);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  auto failed = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  REQUIRE(failed == 0);
  std::ofstream{folder_ + "/pid"} << pid_; // for `stop`
  auto cluster = require_value(kafka::cluster::make(address_));
  require_ok(cluster->wait_until_reachable(patience));
}

/// The last line that it prints.
std::string own_broker::call(const std::string& verb) const {
  auto command = "KEYLOOM_BROKER_DIR='" + folder_ + "' '" KEYLOOM_SOURCE_DIR "/tools/broker.sh' "
                 + verb + " 2>/dev/null";
  auto* out = popen(command.c_str(), "r"); // NOLINT: our own script
  REQUIRE(out != nullptr);
  std::string last;
  std::array<char, 512> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), out) != nullptr)
    last = line.data();
  auto status = pclose(out);
  REQUIRE(status == 0);
  while (!last.empty() && last.back() == '\n')
    last.pop_back();
  return last;
}

pid_t own_broker::read_pid() const {
  pid_t result = -1;
  std::ifstream{folder_ + "/pid"} >> result;
  REQUIRE(result > 0);
  return result;
}

} // namespace keyloom::test
