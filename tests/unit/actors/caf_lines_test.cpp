#include "actors/caf_lines.hpp"
#include "actors/program_config.hpp"
#include "tests/fakes/captured_stderr.hpp"

#include <caf/actor_ostream.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <catch2/catch.hpp>

using namespace keyloom;
using Catch::Matchers::Contains;

TEST_CASE("what an actor prints, and an exception that nobody caught, are lines of the log") {
  auto text = test::captured_stderr([] {
    actors::program_config config;
    actors::caf_lines lines{config};
    caf::actor_system system{config};
    lines.take_prints_of(system);
    caf::scoped_actor self{system};
    auto talks = system.spawn([](caf::event_based_actor* me) { caf::aout(me) << "one\ntwo\n"; });
    auto throws
      = system.spawn([](caf::event_based_actor*) { throw std::runtime_error{"out of cheese"}; });
    self->wait_for(talks, throws);
    self->await_all_other_actors_done();
  });
  CHECK_THAT(text, Contains("warning keyloom.caf: one\n") && Contains("keyloom.caf: two\n")
                     && Contains("out of cheese"));
}

TEST_CASE("CAF's logger has the level of its component, and a file of the user's own") {
  actors::program_config config;
  config.set("keyloom.log.levels", "caf=error");
  {
    actors::caf_lines lines{config};
    CHECK(caf::get_or(config, "caf.logger.file.verbosity", std::string{}) == "error");
  }
  actors::program_config own;
  own.set("caf.logger.file.path", "/dev/null");
  actors::caf_lines lines{own};
  CHECK(caf::get_or(own, "caf.logger.file.path", std::string{}) == "/dev/null");
}
