// Runs the integration tests. Those with a real broker need KEYLOOM_BROKER=host:port, see
// broker_fixture.hpp.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "tests/integration/remote_node.hpp"
#include "tests/integration/test_messages.hpp"

#include <keyloom/exec_main.hpp>

#include <cstdlib>

int main(int argc, char** argv) {
  caf::init_global_meta_objects<caf::id_block::keyloom_test>();
  keyloom::init_global_meta_objects();
  if (const auto* port = std::getenv("KEYLOOM_TEST_NODE"))
    return keyloom::test::run_remote_node(port);
  return Catch::Session().run(argc, argv);
}
