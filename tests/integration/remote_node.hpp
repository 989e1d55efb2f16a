// A CAF node in a process of its own, for tests that need one to disappear: the test program,
// started again with KEYLOOM_TEST_NODE in its environment (its main calls run_remote_node). It
// publishes one actor, which doubles numbers, and never answers the key "hold".
#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <array>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <csignal>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace keyloom::test {

using remote_doubler = caf::typed_actor<caf::result<int>(std::string, int)>;

class remote_node {
public:
  /// Starts it and waits until it has published its actor; port 0: any. Throws when it does not
  /// come.
  explicit remote_node(uint16_t port = 0);
  remote_node(const remote_node&) = delete;
  remote_node& operator=(const remote_node&) = delete;
  ~remote_node() { kill(); }

  uint16_t port() const { return port_; }

  /// Ends it as a crash would.
  void kill();

private:
  pid_t process_ = -1;
  int its_input_ = -1; ///< the node ends when this is closed, so none outlives a test that crashed
  uint16_t port_ = 0;
};

struct doubler_state {
  std::vector<caf::typed_response_promise<int>> held;
};

inline remote_doubler::behavior_type doubler(remote_doubler::stateful_pointer<doubler_state> self) {
  return {[self](const std::string& key, int x) -> caf::result<int> {
    if (key != "hold")
      return 2 * x;
    return self->state.held.emplace_back(self->make_response_promise<int>());
  }};
}

inline remote_node::remote_node(uint16_t port) {
  std::array<int, 2> in{}, out{};
  if (pipe(in.data()) != 0 || pipe(out.data()) != 0)
    throw std::runtime_error("no pipe to a remote node");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, in[1]);
  posix_spawn_file_actions_addclose(&actions, out[0]);
  std::string name = "integration_tests", setting = "KEYLOOM_TEST_NODE=" + std::to_string(port);
  std::array<char*, 2> arguments{name.data(), nullptr};
  std::array<char*, 2> environment{setting.data(), nullptr};
  auto failed = posix_spawn(&process_, "/proc/self/exe", &actions, nullptr, arguments.data(),
                            environment.data());
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  its_input_ = in[1];
  std::string line;
  for (char c = 0; read(out[0], &c, 1) == 1 && c != '\n';)
    line += c;
  close(out[0]);
  if (failed != 0 || line.empty() || line.find_first_not_of("0123456789") != line.npos)
    throw std::runtime_error("the remote node said '" + line + "' instead of its port");
  port_ = static_cast<uint16_t>(std::stoi(line));
}

inline void remote_node::kill() {
  if (process_ < 0)
    return;
  ::kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  close(its_input_);
  process_ = -1;
}

/// The node's side: publishes at `port`, prints the port, and returns when its input ends.
inline int run_remote_node(const std::string& port) {
  caf::actor_system_config cfg;
  cfg.load<caf::io::middleman>();
  caf::actor_system system{cfg};
  auto actor = system.spawn(doubler);
  auto published = system.middleman().publish(actor, static_cast<uint16_t>(std::stoi(port)),
                                              "127.0.0.1", true);
  if (!published) {
    std::cout << to_string(published.error()) << std::endl;
    return 1;
  }
  std::cout << *published << std::endl;
  for (char c = 0; read(STDIN_FILENO, &c, 1) == 1;) {
    // nothing is sent: the read ends with the test
  }
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  return 0;
}

} // namespace keyloom::test
