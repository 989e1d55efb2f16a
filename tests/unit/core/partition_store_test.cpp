// What a partition's store hears when it is restored, and what the partition shows of it.
#include "tests/fakes/kit_rig.hpp"

#include <keyloom/store/hash_map_store.hpp>

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;

std::string shown(const change& what) {
  auto result = std::string{what.key} + "=" + std::string{what.value.value_or("(none)")} + " type '"
                + std::string{what.type} + "'";
  for (auto rest = what.headers; auto each = rest.take();)
    result += " " + std::string{each->name} + ":" + std::string{each->value.value_or("(none)")};
  return result;
}

/// Shares with its test what it was told.
struct listening_store {
  std::shared_ptr<std::vector<std::string>> heard;
  void apply(const change& what) const { heard->push_back(shown(what)); }
};

source_config logged() {
  return {.exactly_once = true, .change_log = "changes"};
}

using counts = hash_map_store<std::string, int64_t>;

/// Each record sets its key to its value.
struct counting_rig : fakes::kit_rig<counts> {
  counting_rig() : kit_rig(logged(), [] { return counts{}; }) {
    source.on_default([](context<counts>& ctx, const record& rec) {
      ctx.record_change(ctx.store().set(std::string{rec.key}, std::stoll(std::string{rec.value})));
      return complete;
    });
    start();
  }

  partition_state state() { return kit->state().partitions.at(0); }
};

} // namespace

TEST_CASE("a store hears of a change alike when it is recorded and when it is restored") {
  auto heard = std::make_shared<std::vector<std::string>>();
  fakes::kit_rig<listening_store> rig{logged(), [heard] { return listening_store{heard}; }};
  rig.source.on_default([](context<listening_store>& ctx, const record&) {
    using headers = std::vector<header>;
    change what{.key = "a", .value = "1"};
    ctx.record_change(what);
    ctx.record_change(what = {.key = "b", .value = "2"}, "t");
    ctx.record_change(what = {.key = "c"}, "t", headers{{"h", "x"}, {"n", std::nullopt}});
    ctx.record_change(what = {.key = "d"}, "", headers{{"h", "x"}, {"type", "u"}, {"i", "y"}});
    ctx.record_change(what = {.key = "e"}, "t", headers{{"type", "u"}});
    return complete;
  });
  rig.start();
  rig.kit->feed({.key = "k", .value = "v"});
  rig.kit->commit();
  auto recorded = std::exchange(*heard, {});
  CHECK(recorded
        == std::vector<std::string>{"a=1 type ''", "b=2 type 't'", "c=(none) type 't' h:x n:(none)",
                                    "d=(none) type 'u' h:x i:y", "e=(none) type 't'"});
  rig.kit->crash();
  rig.kit->restart();
  CHECK(*heard == recorded);
}

TEST_CASE("the headers of a restored change are all but `type`, wherever that stands") {
  using headers = std::vector<header>;
  auto others = [](const headers& all) {
    auto bytes = encode_headers(all);
    std::string room;
    change what;
    what.headers = without_type({bytes.data(), static_cast<uint32_t>(bytes.size())}, room);
    return shown(what);
  };
  CHECK(others({}) == "=(none) type ''");
  CHECK(others({{"type", "t"}}) == "=(none) type ''");
  CHECK(others({{"a", "1"}, {"b", "2"}}) == "=(none) type '' a:1 b:2");
  CHECK(others({{"a", "1"}, {"type", "t"}}) == "=(none) type '' a:1");
  CHECK(others({{"type", "t"}, {"a", "1"}, {"type", "t"}}) == "=(none) type '' a:1");
  CHECK(others({{"a", "1"}, {"type", "t"}, {"b", "2"}, {"type", "t"}, {"c", "3"}})
        == "=(none) type '' a:1 b:2 c:3");
}

TEST_CASE("a partition shows the size of its store at once, and its digest a second old at most") {
  counting_rig rig;
  rig.kit->feed({.key = "a", .value = "1"});
  CHECK(rig.state().store_size == 1U);
  CHECK(rig.state().store_digest == 0U); // when it was empty
  rig.kit->advance(999ms);
  rig.kit->commit();
  CHECK(rig.state().store_digest == 0U);
  rig.kit->advance(1ms);
  rig.kit->commit();
  CHECK(rig.state().store_digest == digest_of("a", "1"));
  rig.kit->feed({.key = "b", .value = "2"});
  CHECK(rig.state().store_size == 2U);
}

TEST_CASE("a large store shows no digest, which would look at all of it") {
  counting_rig rig;
  for (int i = 0; i <= 10'000; ++i)
    rig.kit->feed({.key = std::to_string(i), .value = "1"});
  rig.kit->advance(1s);
  rig.kit->commit();
  CHECK(rig.state().store_size == 10'001U);
  CHECK(!rig.state().store_digest);
}

TEST_CASE("a partition without a store shows none") {
  fakes::kit_rig<> rig;
  rig.source.on_default([](context<>&, const record&) { return complete; });
  rig.start();
  rig.kit->feed({.key = "a", .value = "1"});
  auto state = rig.kit->state().partitions.at(0);
  CHECK(!state.store_size);
  CHECK(!state.store_digest);
  CHECK(state.restore.seconds == 0);
}

TEST_CASE("a partition shows how far its store is restored, and what is to come") {
  core::partition_meter meter;
  using clock = std::chrono::steady_clock;
  auto at = [](clock::duration x) { return clock::time_point{x}; };
  CHECK(meter.how_far_restored(at(10s)).remaining == 0);
  meter.restore_began = clock::duration{5s}.count();
  CHECK(meter.how_far_restored(at(6s)).remaining == -1);
  meter.restored_up_to = 100;
  meter.restore_end = 300;
  auto begun = meter.how_far_restored(at(7s));
  CHECK(begun.remaining == 200);
  CHECK(begun.entries == 0);
  CHECK(begun.seconds == 2);
  meter.restored_entries = 50;
  meter.restored_bytes = 4096;
  meter.restored_up_to = 180;
  CHECK(to_string(meter.how_far_restored(at(8s)))
        == "50 entries, 4 KiB, in 3000 ms, up to 120 to come");
  meter.restore_ended = clock::duration{9s}.count();
  CHECK(to_string(meter.how_far_restored(at(20s))) == "50 entries, 4 KiB, in 4000 ms");
}

TEST_CASE("a restored partition shows what its store got, and that nothing is to come") {
  counting_rig rig;
  for (const auto* key : {"a", "b", "c"})
    rig.kit->feed({.key = key, .value = "1"});
  rig.kit->commit();
  rig.kit->crash();
  rig.kit->restart();
  auto state = rig.state();
  CHECK(state.restore.entries == 3);
  CHECK(state.restore.bytes > 0);
  CHECK(state.restore.remaining == 0);
  CHECK(state.store_size == 3U);
  CHECK(state.store_digest == digest_of("a", "1") + digest_of("b", "1") + digest_of("c", "1"));
}
