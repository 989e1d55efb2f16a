// Runs the integration tests. Those with a real broker need KEYLOOM_BROKER=host:port, see
// broker_fixture.hpp. With --child, --counting-child or --transacting-child it is a child process
// of one of them, see child_worker.hpp, counting_child.hpp and transacting_child.hpp.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "tests/integration/child_worker.hpp"
#include "tests/integration/counting_child.hpp"
#include "tests/integration/remote_node.hpp"
#include "tests/integration/test_messages.hpp"
#include "tests/integration/transacting_child.hpp"

#include <keyloom/exec_main.hpp>

#include <cstdlib>

// Two races within librdkafka 2.14.2, in which nothing of keyloom's is touched. It
// reads the flags of its group on every poll, without a lock, and with the consumer protocol sets
// them in its main thread meanwhile (rd_kafka_app_polled, rdkafka_int.h). And its broker threads
// read a partition's leader epoch while its main thread takes in metadata.
extern "C" const char* __tsan_default_suppressions() {
  return "race:rd_kafka_cgrp_\nrace:rd_kafka_topic_metadata_update\n";
}

// CAF 0.18.7 does not free the acceptor of a port (200 bytes) whose actor system ends at once after
// the port was closed; it is one run in five.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:caf::io::network::default_multiplexer::new_doorman\n";
}

int main(int argc, char** argv) {
  caf::init_global_meta_objects<caf::id_block::keyloom_test>();
  keyloom::init_global_meta_objects();
  if (argc > 1 && std::string_view{argv[1]} == keyloom::test::child_flag)
    return keyloom::test::run_child({argv + 2, argv + argc});
  if (argc > 1 && std::string_view{argv[1]} == keyloom::test::transacting_child_flag)
    return keyloom::test::run_transacting_child({argv + 2, argv + argc});
  if (argc > 1 && std::string_view{argv[1]} == keyloom::test::counting_child_flag)
    return keyloom::test::run_counting_child({argv + 2, argv + argc});
  if (const auto* port = std::getenv("KEYLOOM_TEST_NODE"))
    return keyloom::test::run_remote_node(port);
  return Catch::Session().run(argc, argv);
}
