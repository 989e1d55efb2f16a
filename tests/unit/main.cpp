#define CATCH_CONFIG_RUNNER
#include "tests/fakes/bomb.hpp"

#include <keyloom/exec_main.hpp>

#include <catch2/catch.hpp>

int main(int argc, char** argv) {
  caf::init_global_meta_objects<caf::id_block::keyloom_unit>();
  keyloom::init_global_meta_objects();
  return Catch::Session().run(argc, argv);
}
