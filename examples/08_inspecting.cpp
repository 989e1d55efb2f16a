// 08 inspecting a live system: a CAF program that looks into another process and acts on it.
//
//   keyloom work --topic t --group g --processor blocking --inspect-port 4242 ...
//   build/release/examples/example_08_inspecting 127.0.0.1 4242
//   build/release/examples/example_08_inspecting 127.0.0.1 4242 pause work k000007
//
// It prints what stands still: each key that has been in flight for over a second, with its stage,
// its age and what it waits for, the oldest first. With `pause` or `resume`, a stage and perhaps a
// key, it tells the process to begin no new calls of these, or to go on.
//
// Choose it when a program has to watch others of yours: a dashboard, an alarm, a deployment that
// waits until a source has caught up. For a look by hand there are `keyloom inspect` and `keyloom
// top`, which use the same messages; for what runs in the same process, event_source::full_state.
#include <keyloom/inspector.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;

namespace {

constexpr auto patience = 5s;

void print(const keyloom::system_state& seen) {
  std::cout << "process " << seen.process << " on " << seen.host << ":\n";
  for (auto& source : seen.sources) {
    int64_t lag = 0;
    for (auto& each : source.partitions)
      lag += std::max<int64_t>(each.lag, 0);
    std::cout << "group " << source.group << " is " << lag << " records behind on topic "
              << source.topic << "\n";
    for (auto& each : source.keys)
      if (each.oldest.age > 1s)
        std::cout << "  key " << each.oldest.key.value_or("(none)") << " in stage '"
                  << each.oldest.stage << "' for " << each.oldest.age.count() / 1000
                  << " s: waits for " << each.oldest.waits_for << "\n";
  }
}

/// What became of an order, or of the look.
int run(caf::actor_system& system, const std::vector<std::string>& arguments) {
  auto port = static_cast<uint16_t>(std::atoi(arguments[1].c_str()));
  auto there = keyloom::connect_inspector(system, arguments[0], port);
  if (!there) {
    std::cerr << keyloom::describe(there.error()) << "\n";
    return EXIT_FAILURE;
  }
  auto code = EXIT_SUCCESS;
  auto failed = [&code](const caf::error& reason) {
    std::cerr << keyloom::describe(reason) << "\n";
    code = EXIT_FAILURE;
  };
  caf::scoped_actor self{system};
  if (arguments.size() == 2) {
    self->request(*there, patience, keyloom::look_atom_v).receive(print, failed);
    return code;
  }
  keyloom::inspector_target what{.stage = arguments[3]};
  if (arguments.size() > 4)
    what.key = arguments[4];
  auto done = [] { std::cout << "done\n"; };
  if (arguments[2] == "pause")
    self->request(*there, patience, keyloom::pause_atom_v, what).receive(done, failed);
  else
    self->request(*there, patience, keyloom::resume_atom_v, what).receive(done, failed);
  return code;
}

} // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments{argv + 1, argv + argc};
  auto order = arguments.size() > 2 ? arguments[2] : "";
  if (arguments.size() < 2 || arguments.size() == 3
      || (!order.empty() && order != "pause" && order != "resume")) {
    std::cerr << "usage: " << argv[0] << " HOST PORT [pause|resume STAGE [KEY]]\n";
    return 2;
  }
  keyloom::init_inspector_messages();
  caf::io::middleman::init_global_meta_objects();
  caf::core::init_global_meta_objects();
  caf::actor_system_config config;
  config.load<caf::io::middleman>();
  caf::actor_system system{config};
  return run(system, arguments);
}
