// The main function of a program on keyloom: reads configuration file and command line, starts CAF,
// calls `run`, and returns its exit code.
//
//   int main(int argc, char** argv) { return keyloom::exec_main(argc, argv, run); }
//
// Name the program's own CAF type-id blocks: exec_main<caf::id_block::app>(argc, argv, run).
#pragma once

#include <keyloom/errc.hpp>

#include <caf/fwd.hpp>
#include <caf/init_global_meta_objects.hpp>

#include <functional>

namespace keyloom {

namespace detail {

int exec_main(int argc, char** argv, const std::function<int(caf::actor_system&)>& run);

} // namespace detail

/// Registers keyloom's and CAF's message types. Programs with a main of their own call it once
/// before they make a configuration; exec_main does it.
void init_global_meta_objects();

/// Exit code of `run`, 0 after --help, 2 for a wrong option or configuration file.
template <class... Blocks, class Run>
int exec_main(int argc, char** argv, Run&& run) {
  (caf::init_global_meta_objects<Blocks>(), ...);
  init_global_meta_objects();
  return detail::exec_main(argc, argv,
                           std::function<int(caf::actor_system&)>{std::forward<Run>(run)});
}

} // namespace keyloom
