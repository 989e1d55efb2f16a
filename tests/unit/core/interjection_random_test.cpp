// Interjections against a model, in virtual time and by chance: records, hand-overs, losses and
// slow jobs go on around them.
#include "tests/fakes/kit_rig.hpp"
#include "tests/fakes/seeds.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace keyloom;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds every{100};
constexpr milliseconds jitter{30};
constexpr int32_t partitions = 2;

/// What is known of the scheduled interjection in one partition.
struct model {
  core::steady_time may_not_begin_before{};
  core::steady_time must_begin_until = core::steady_time::max();
  bool under_way = false;
  int runs = 0;
};

struct random_rig : fakes::kit_rig<> {
  std::mt19937_64 random;
  model models[partitions];
  std::vector<std::future<caf::error>> asked;
  std::optional<stage_handle<int>> work;

  explicit random_rig(uint64_t seed) : random(seed) {
    work = source.stage<int, int>("work", blocking([](std::string_view, int& x) { return x; }),
                                  [this](context<>& ctx, std::string_view, int& x,
                                         caf::expected<int>) {
                                    if (ctx.is_interjection() && x == 1)
                                      over(of(ctx.partition()));
                                    return complete;
                                  });
    source.on_default([this](context<>& ctx, const record& rec) {
      CHECK_FALSE(ctx.is_interjection());
      return work->schedule(ctx, rec.key, 0);
    });
    source.schedule_interjection(
      [this](context<>& ctx, std::chrono::system_clock::time_point) -> outcome {
        begins(ctx.partition());
        if (chance(2))
          return work->schedule(ctx, "i", 1);
        over(of(ctx.partition()));
        return complete;
      },
      every, jitter);
    start({.seed = seed, .partitions = partitions});
    for (int32_t i = 0; i < partitions; ++i)
      opened(i);
  }

  model& of(int32_t partition) { return models[static_cast<size_t>(partition)]; }
  bool chance(uint64_t in) { return random() % in == 0; }

  void opened(int32_t partition) { next_within(of(partition) = {}); }

  void next_within(model& m) {
    m.may_not_begin_before = kit->now() + every - jitter;
    m.must_begin_until = kit->now() + every + jitter;
  }

  void begins(int32_t partition) {
    auto& m = of(partition);
    CHECK(kit->state(partition) == lifecycle::active);
    CHECK_FALSE(m.under_way);
    CHECK(kit->now() >= m.may_not_begin_before);
    next_within(m);
    m.under_way = true;
    ++m.runs;
  }

  /// What came due meanwhile comes now.
  void over(model& m) {
    m.under_way = false;
    m.must_begin_until = std::max(m.must_begin_until, kit->now());
  }

  void hand_over(int32_t partition) {
    if (kit->state(partition) == lifecycle::unassigned) {
      kit->assign(partition);
      opened(partition);
    } else if (kit->state(partition) == lifecycle::active) {
      of(partition).must_begin_until = core::steady_time::max();
      if (chance(2))
        kit->lose(partition);
      else
        kit->revoke(partition);
    }
  }

  void interject(int32_t partition) {
    asked.push_back(kit->interject(partition, [this](context<>& ctx) {
      CHECK(kit->state(ctx.partition()) == lifecycle::active);
      return chance(2) ? complete : work->schedule(ctx, "k0", 2);
    }));
  }

  void step() {
    auto partition = static_cast<int32_t>(random() % partitions);
    switch (random() % 8) {
      case 0:
        if (chance(4))
          hand_over(partition);
        break;
      case 1:
      case 2:
        kit->feed({.key = "k" + std::to_string(random() % 3), .partition = partition});
        break;
      case 3:
        interject(partition);
        break;
      case 4:
      case 5:
        kit->run(random() % 4);
        break;
      default:
        kit->advance(milliseconds{random() % 80});
    }
    for (auto& m : models)
      CHECK((m.under_way || kit->now() <= m.must_begin_until));
  }
};

} // namespace

TEST_CASE("interjections never run twice at once, outside of an active partition, or never again") {
  for (auto seed : test_seeds(100)) {
    INFO(test::replay(seed));
    random_rig rig{seed};
    for (int i = 0; i < 300; ++i)
      rig.step();
    rig.kit->run();
    for (int32_t i = 0; i < partitions; ++i)
      if (rig.kit->state(i) == lifecycle::unassigned)
        rig.hand_over(i);
    for (int i = 0; i < 10; ++i) {
      rig.kit->advance(every + jitter);
      rig.kit->run();
    }
    for (int32_t i = 0; i < partitions; ++i) // none is dead
      if (rig.kit->state(i) == lifecycle::active)
        CHECK(rig.of(i).runs >= 5);
    rig.kit->stop();
    rig.kit->advance(1h);
    CHECK(rig.kit->state().interjections_open == 0);
    for (auto& each : rig.asked) // none hangs
      CHECK(each.wait_for(0s) == std::future_status::ready);
  }
}
