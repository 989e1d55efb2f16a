#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <keyloom/exec_main.hpp>

int main(int argc, char** argv) {
  keyloom::init_global_meta_objects();
  return Catch::Session().run(argc, argv);
}
