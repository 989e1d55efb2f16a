#include "actors/caf_lines.hpp"
#include "actors/messages.hpp"
#include "actors/program_config.hpp"

#include <keyloom/exec_main.hpp>

#include <caf/actor_system.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/io/middleman.hpp>

#include <iostream>

namespace keyloom {

void init_global_meta_objects() {
  caf::init_global_meta_objects<caf::id_block::keyloom_errors>();
  caf::init_global_meta_objects<caf::id_block::keyloom_runtime>();
  caf::init_global_meta_objects<caf::id_block::keyloom_inspector>();
  caf::io::middleman::init_global_meta_objects();
  caf::core::init_global_meta_objects();
}

int detail::exec_main(int argc, char** argv, const std::function<int(caf::actor_system&)>& run) {
  actors::program_config cfg;
  if (auto err = cfg.read(argc, argv)) {
    std::cerr << cfg.program_name << ": " << describe(err) << "\n";
    return 2;
  }
  if (cfg.cli_helptext_printed)
    return 0;
  actors::caf_lines lines{cfg};
  caf::actor_system system{cfg};
  lines.take_prints_of(system);
  return run(system);
}

} // namespace keyloom
