// The memory of what waits for its next call.
#include "tests/fakes/partition_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;

constexpr int64_t value_bytes = 1000;
constexpr int64_t records = 50;

/// A partition with an account of a byte budget. It takes a batch of 50 records of 1,000 bytes, of
/// which the first fails once, in its handler or in a stage.
struct memory_rig : fakes::partition_rig {
  std::shared_ptr<core::byte_budget> budget = std::make_shared<core::byte_budget>(1 << 30);
  bool failed = false;
  std::string seen; ///< the value of the first record, when its call ended well

  memory_rig() {
    source->config.retry = {.times = 1, .backoff = 100ms, .jitter = 0};
    meter.account = budget->open();
  }

  template <class Job>
  void add_stage(std::function<Job(const record&)> job) {
    auto call = [this](std::string_view, Job& given) -> caf::expected<int> {
      if (!std::exchange(failed, true))
        return caf::make_error(errc::processor_failed, "no table");
      if constexpr (std::constructible_from<std::string, Job>)
        seen = std::string{given};
      return 1;
    };
    auto finish = [](context<>& ctx, std::string_view key, Job&, caf::expected<int>) {
      CHECK(key == ctx.input().key);
      return complete;
    };
    auto stage = fakes::add_stage<no_store, Job, int>(*source, "work", blocking(call), finish);
    on_default([stage, job](context<>& ctx, const record& rec) {
      return rec.offset > 0 ? complete : stage.schedule(ctx, rec.key, job(rec));
    });
  }

  void take_batch() {
    std::vector<fakes::test_record> all;
    for (int64_t i = 0; i < records; ++i)
      all.push_back({i, "key " + std::to_string(i), std::string(value_bytes, 'v')});
    auto batch = fakes::make_batch(all);
    batch->charge(meter.account);
    take(std::move(batch));
  }

  void answer_all() {
    while (!runs.busy().empty())
      answer(runs.busy().front());
  }

  void come_due() {
    clock.advance(100ms);
    core->retry_due();
    answer_all();
  }
};

} // namespace

TEST_CASE("I8: an event whose handler is to be called again keeps its own record only") {
  memory_rig rig;
  rig.on_default([&rig](context<>&, const record& rec) -> outcome {
    if (rec.offset == 0 && !std::exchange(rig.failed, true))
      return {errc::handler_failed, "no table"};
    if (rec.offset == 0)
      rig.seen = std::string{rec.key} + std::string{rec.value};
    return complete;
  });
  rig.start();
  rig.take_batch();
  CHECK(rig.meter.account->held() > value_bytes);
  CHECK(rig.meter.account->held() < 2 * value_bytes);
  CHECK(rig.core->committable() == 0);
  CHECK(rig.core->reached().beyond == std::vector<core::offset_run>{{1, records}});
  REQUIRE(rig.core->oldest_event());
  CHECK(rig.core->oldest_event()->key == "key 0");
  rig.clock.advance(100ms);
  rig.core->retry_due();
  CHECK(rig.seen == "key 0" + std::string(value_bytes, 'v'));
  CHECK(rig.core->committable() == records);
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE("I8: a job that owns its data and waits for its next call keeps its own record only") {
  memory_rig rig;
  rig.add_stage<std::string>([](const record& rec) { return std::string{rec.value}; });
  rig.start();
  rig.take_batch();
  rig.answer_all();
  CHECK(rig.meter.account->held() > value_bytes);
  CHECK(rig.meter.account->held() < 2 * value_bytes);
  rig.come_due();
  CHECK(rig.seen == std::string(value_bytes, 'v'));
  CHECK(rig.core->committable() == records);
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE("I8: what a job may have views into stays as long as the job waits, and counts") {
  memory_rig rig;
  rig.add_stage<std::string_view>([](const record& rec) { return rec.value; });
  rig.start();
  rig.take_batch();
  rig.answer_all();
  CHECK(rig.meter.account->held() > records * value_bytes);
  rig.come_due();
  CHECK(rig.seen == std::string(value_bytes, 'v'));
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE("types of numbers, texts and lists of them own their data, others must say so") {
  CHECK(owns_its_data<int>);
  CHECK(owns_its_data<std::vector<std::optional<std::string>>>);
  CHECK(owns_its_data<std::pair<std::string, double>>);
  CHECK_FALSE(owns_its_data<std::string_view>);
  CHECK_FALSE(owns_its_data<std::vector<const char*>>);
}
