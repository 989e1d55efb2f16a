#include "tests/fakes/bomb.hpp"
#include "tests/fakes/fake_calls.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;
using namespace std::chrono_literals;

namespace {

using strings = std::vector<std::string>;
using rig = fakes::fake_calls<int, std::string>;

const stage_options with_timeout{.limits = {}, .timeout = 10ms};

} // namespace

TEST_CASE("I3: a key's next call begins when its last one has ended, other keys do not wait") {
  rig calls;
  calls.give(1, 10);
  calls.give(2, 20);
  calls.give(1, 11);
  calls.take_back();
  CHECK(calls.keys() == strings{"1", "2"});
  CHECK(calls.calls->under_way() == 2);
  calls.answer(1, "b");
  CHECK(calls.keys() == strings{"1"});
  calls.answer(0, "a");
  REQUIRE(calls.keys() == strings{"1"});
  CHECK(*calls.open[0].job == 11);
  auto done = calls.take_done();
  REQUIRE(done.size() == 2);
  CHECK(**done[0]->result == "b");
  CHECK(**done[1]->result == "a");
  CHECK(*done[1]->payload == 10);
}

TEST_CASE("no more calls are under way than there are places, and who waited longest goes next") {
  rig calls;
  calls.places = 2;
  for (uint32_t key = 0; key < 4; ++key)
    calls.give(key, 0);
  calls.take_back();
  CHECK(calls.keys() == strings{"0", "1"});
  calls.give(0, 0);
  calls.answer(0, "");
  CHECK(calls.keys() == strings{"1", "2"});
  calls.answer(0, "");
  calls.answer(0, "");
  CHECK(calls.keys() == strings{"3", "0"});
  calls.answer(0, "");
  calls.answer(0, "");
  CHECK(calls.places == 2);
}

TEST_CASE("a function that answers before it returns recurses nowhere in a long run of one key") {
  rig calls;
  auto depth = 0;
  auto deepest = 0;
  calls.instead = [&](std::string_view, int& number, completion<std::string> done) {
    deepest = std::max(deepest, ++depth);
    done(std::to_string(number));
    --depth;
  };
  for (int i = 0; i < 50'000; ++i)
    calls.give(0, i);
  calls.take_back();
  CHECK(deepest == 1);
  auto done = calls.take_done();
  REQUIRE(done.size() == 50'000);
  CHECK(**done.back()->result == "49999");
}

TEST_CASE("I3: a key of many jobs is answered in the order they were given") {
  rig calls;
  for (int i = 0; i < 5; ++i)
    calls.give(7, i);
  calls.take_back();
  for (int i = 0; i < 5; ++i) {
    REQUIRE(calls.open.size() == 1);
    CHECK(*calls.open[0].job == i);
    calls.answer(0, "");
  }
  auto done = calls.take_done();
  REQUIRE(done.size() == 5);
  for (int i = 0; i < 5; ++i)
    CHECK(*done[static_cast<size_t>(i)]->payload == i);
}

TEST_CASE("a dropped completion fails its job, and the key goes on") {
  rig calls;
  calls.give(1, 0);
  calls.give(1, 1);
  calls.take_back();
  calls.open.clear();
  calls.take_back();
  auto done = calls.take_done();
  REQUIRE(done.size() == 1);
  CHECK(done[0]->result->error() == errc::completion_dropped);
  CHECK(calls.open.size() == 1);
}

TEST_CASE("a function that throws fails its job with what it threw, once the completion is gone") {
  rig calls;
  std::optional<completion<std::string>> kept;
  calls.instead = [&](std::string_view, int& number, completion<std::string> done) {
    if (number == 1)
      kept = std::move(done); // handed over, and may still use the job
    else if (number == 2)
      done("answered");
    throw std::runtime_error{"no " + std::to_string(number)};
  };
  for (int i = 0; i < 3; ++i)
    calls.give(static_cast<uint32_t>(i), i);
  calls.take_back();
  auto done = calls.take_done();
  REQUIRE(done.size() == 2);
  CHECK(describe(done[0]->result->error()) == "the processor threw: no 0");
  CHECK(describe(done[1]->result->error()) == "the processor threw: no 2");
  CHECK(done[0]->result->error() == errc::processor_failed);
  (*kept)("too late to count");
  calls.take_back();
  done = calls.take_done();
  REQUIRE(done.size() == 1);
  CHECK(describe(done[0]->result->error()) == "the processor threw: no 1");
  calls.instead = nullptr;
  calls.give(1, 5);
  calls.take_back();
  calls.answer(0, "ok");
  CHECK(**calls.take_done()[0]->result == "ok");
}

TEST_CASE("a call works on the job's own payload, and its changes are seen by the finalizer") {
  rig calls;
  calls.give(1, 10);
  calls.take_back();
  ++*calls.open[0].job;
  calls.answer(0, "");
  CHECK(*calls.take_done()[0]->payload == 11);
}

TEST_CASE("a key without memory stays one, and an empty key is a key") {
  fakes::fake_calls<int, int> calls;
  for (auto* own : {static_cast<const char*>(nullptr), ""}) {
    auto& j = calls.memory->make_job(0);
    static_cast<detail::typed_job<int, int>&>(j).payload.emplace(1);
    j.key = own == nullptr ? std::string_view{} : std::string_view{own};
    core::run jobs;
    jobs.memory = calls.memory;
    jobs.append(j);
    calls.calls->add(std::move(jobs));
    calls.take_back();
    REQUIRE(calls.open.size() == 1);
    CHECK((calls.open[0].key.data() == nullptr) == (own == nullptr));
    calls.answer(0, 1);
  }
}

TEST_CASE("I5: a job whose call takes too long fails once, its key goes on, the late answer is "
          "counted and dropped") {
  rig calls{with_timeout};
  calls.give(1, 10);
  calls.give(1, 11);
  calls.take_back();
  calls.clock.advance(9ms);
  calls.calls->expire();
  CHECK(calls.take_done().empty());
  calls.clock.advance(1ms);
  calls.calls->expire();
  auto done = calls.take_done();
  REQUIRE(done.size() == 1);
  CHECK(done[0]->result->error() == errc::timed_out);
  CHECK(describe(done[0]->result->error()).find("timeout of 10 ms") != std::string::npos);
  CHECK(done[0]->timed_out);
  CHECK_FALSE(done[0]->keeps_key);
  calls.take_back();
  REQUIRE(calls.open.size() == 2);
  CHECK(calls.calls->take_late() == 0);
  CHECK(calls.answer(0, "late")); // harmless, and no error either
  CHECK(calls.take_done().empty());
  CHECK(calls.calls->take_late() == 1);
  CHECK(calls.calls->under_way() == 1);
  calls.answer(0, "in time");
  done = calls.take_done();
  REQUIRE(done.size() == 1);
  CHECK(**done[0]->result == "in time");
}

TEST_CASE("with a timeout a call has a copy of the job, which nobody else touches") {
  rig calls{with_timeout};
  calls.give(1, 10);
  calls.take_back();
  calls.clock.advance(10ms);
  calls.calls->expire();
  auto done = calls.take_done();
  REQUIRE(done.size() == 1);
  CHECK(*done[0]->payload == 10);
  calls.memory->recycle(*done[0]); // finalized, and its memory used for another job
  calls.give(2, 77);
  CHECK(*calls.open[0].job == 10);
  CHECK(calls.open[0].key == "1");
  *calls.open[0].job = 5;
  calls.answer(0, "late");
  REQUIRE(calls.open.size() == 1);
  CHECK(*calls.open[0].job == 77);
}

TEST_CASE("a deadline counts from the beginning of the call, not while its job waits") {
  rig calls{with_timeout};
  calls.places = 1;
  calls.give(1, 10);
  calls.give(2, 20);
  calls.take_back();
  calls.clock.advance(8ms);
  calls.answer(0, "");
  REQUIRE(calls.keys() == strings{"2"});
  calls.clock.advance(8ms);
  calls.calls->expire();
  CHECK(calls.take_done().size() == 1);
  CHECK(calls.calls->next_deadline() == calls.clock.now() + 2ms);
  calls.clock.advance(2ms);
  calls.calls->expire();
  auto done = calls.take_done();
  REQUIRE(done.size() == 1);
  CHECK(done[0]->result->error() == errc::timed_out);
  CHECK_FALSE(calls.calls->next_deadline());
  CHECK(calls.places == 1);
}

TEST_CASE("a copy that throws fails its job and nothing else") {
  struct stubborn {
    stubborn() = default;
    stubborn(stubborn&&) = default;
    stubborn(const stubborn&) { throw std::runtime_error{"not me"}; }
    stubborn& operator=(const stubborn&) = delete;
    stubborn& operator=(stubborn&&) = delete;
    ~stubborn() = default;
  };
  fakes::fake_calls<stubborn, int> calls{with_timeout};
  calls.give(1, {});
  calls.give(1, {});
  calls.take_back();
  auto done = calls.take_done();
  REQUIRE(done.size() == 2);
  CHECK(describe(done[0]->result->error())
        == "copying the job, which a stage with a timeout does, threw: not me");
  CHECK(calls.calls->under_way() == 0);
}

TEST_CASE("I6: after the partition was given up no call begins, and what still ends is dropped") {
  rig calls;
  calls.places = 2;
  calls.give(1, 10);
  calls.give(1, 11);
  calls.give(2, 20);
  calls.give(3, 30);
  calls.take_back();
  calls.memory->give_up();
  calls.answer(0, "");
  CHECK(calls.keys() == strings{"2"});
  CHECK_FALSE(calls.calls->waits_for_place());
  calls.answer(0, "");
  CHECK(calls.open.empty());
  CHECK(calls.take_done().empty());
  CHECK(calls.calls->under_way() == 0);
  CHECK(calls.places == 2);
}

TEST_CASE("a job that throws when it comes back from its call fails, and its key's next goes on") {
  fakes::fake_calls<fakes::bomb, int> calls;
  calls.give(1, {});
  calls.give(1, {});
  calls.take_back();
  REQUIRE(calls.open.size() == 1);
  fakes::bomb::fuse = 1;
  calls.answer(0, 7);
  CHECK(fakes::bomb::fuse == 0);
  CHECK(calls.open.size() == 1);
  auto done = calls.take_done();
  REQUIRE(done.size() == 1);
  CHECK(describe(done[0]->result->error())
        == "moving the job or its result back from the call threw: a bomb");
}
