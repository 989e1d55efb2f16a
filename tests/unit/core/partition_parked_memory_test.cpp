// The memory of what waits for its next call.
#include "runtime/core/batcher.hpp"
#include "tests/fakes/partition_rig.hpp"

#include <keyloom/batcher.hpp>

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;

constexpr int64_t value_bytes = 1000;
constexpr int64_t records = 50;

/// A partition with an account of a byte budget. It takes batches of 50 records of 1,000 bytes, of
/// which the first, of key 0, fails once, in its handler, a stage or a batcher.
struct memory_rig : fakes::partition_rig {
  std::shared_ptr<core::byte_budget> budget = std::make_shared<core::byte_budget>(1 << 30);
  bool failed = false;
  std::string seen;   ///< the value of the first record, when its call ended well
  int64_t other = -1; ///< offset of a record of another key with a job for key 0

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
    auto finish = [](context<>&, std::string_view key, Job&, caf::expected<int>) {
      CHECK(key == "key 0");
      return complete;
    };
    auto stage = fakes::add_stage<no_store, Job, int>(*source, "work", blocking(call), finish);
    on_default([this, stage, job](context<>& ctx, const record& rec) {
      auto has_job = rec.key == "key 0" || rec.offset == other;
      return has_job ? stage.schedule(ctx, "key 0", job(rec)) : complete;
    });
  }

  void take_batch(int64_t first = 0) {
    std::vector<fakes::test_record> all;
    for (int64_t i = 0; i < records; ++i)
      all.push_back({first + i, "key " + std::to_string(i), std::string(value_bytes, 'v')});
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

/// The same with a batcher.
struct batcher_rig : memory_rig {
  std::optional<core::batcher> items;

  template <class Item>
  void add_batcher(std::function<Item(const record&)> item, bool with_user_data = false) {
    auto call = blocking([this](batch<Item>& all) -> caf::error {
      if (!std::exchange(failed, true))
        return caf::make_error(errc::processor_failed, "no table");
      for (auto& each : all)
        seen += std::string{each.value};
      return {};
    });
    auto finish = [](context<>& ctx, batch_items<Item>& set) -> outcome {
      CHECK(set.key() == ctx.input().key);
      return set.error() ? outcome{set.error()} : complete;
    };
    using executing = detail::calling_executor<decltype(call), Item>;
    batcher_options const how{.accumulation_delay = 0ms};
    source->stages.push_back(
      std::make_unique<detail::typed_batcher<no_store, Item, executing, decltype(finish)>>(
        "write", how, executing{std::move(call)}, finish));
    items.emplace(how, core::batcher::trying{source->retry_of(0), 0, {}});
    runs.batchers = [this](uint32_t, core::run&& sets) {
      items->add(std::move(sets), clock.now());
    };
    on_default([item, with_user_data](context<>& ctx, const record& rec) -> outcome {
      if (rec.key != "key 0")
        return complete;
      auto set = batcher_handle<Item>{0}.items(ctx, rec.key).add(item(rec));
      if (with_user_data)
        set.user_data() = rec.value;
      return incomplete;
    });
  }

  void execute_all() {
    auto& definition = static_cast<detail::batcher_base&>(*source->stages[0]);
    while (auto* each = items->next(clock.now())) {
      core::execute(definition, *each);
      items->executed(*each, clock.now());
    }
    for (auto& news : items->take_news()) {
      core->sets_wait(news.waiting);
      core->finished(std::move(news.done));
    }
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

TEST_CASE(
  "I8: items that own their data and wait to be executed again keep their own record only") {
  batcher_rig rig;
  rig.add_batcher<std::string>([](const record& rec) { return std::string{rec.value}; });
  rig.start();
  rig.take_batch();
  CHECK(rig.meter.account->held() > records * value_bytes);
  rig.execute_all();
  CHECK(rig.meter.account->held() > 2 * value_bytes); // record and item
  CHECK(rig.meter.account->held() < 3 * value_bytes);
  REQUIRE(rig.core->oldest_event());
  CHECK(rig.core->oldest_event()->key == "key 0");
  rig.clock.advance(100ms);
  rig.execute_all();
  CHECK(rig.seen == std::string(value_bytes, 'v'));
  CHECK(rig.core->committable() == records);
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE(
  "I8: items that may have views, in them or beside them, keep all that was polled with their "
  "record, and it counts") {
  batcher_rig rig;
  if (GENERATE(true, false))
    rig.add_batcher<std::string_view>([](const record& rec) { return rec.value; });
  else
    rig.add_batcher<std::string>([](const record& rec) { return std::string{rec.value}; }, true);
  rig.start();
  rig.take_batch();
  rig.execute_all();
  CHECK(rig.meter.account->held() > records * value_bytes);
  rig.clock.advance(100ms);
  rig.execute_all();
  CHECK(rig.seen == std::string(value_bytes, 'v'));
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE("I8: items that wait behind those that are executed again keep their own record only") {
  batcher_rig rig;
  auto before = GENERATE(true, false);
  rig.add_batcher<std::string>([](const record& rec) { return std::string{rec.value}; });
  rig.start();
  rig.take_batch();
  if (before) { // they are in line when the first one fails
    auto* first = rig.items->next(rig.clock.now());
    rig.take_batch(records);
    rig.failed = true;
    core::fail(*first, caf::make_error(errc::processor_failed, "no table"));
    rig.items->executed(*first, rig.clock.now());
    rig.execute_all();
  } else {
    rig.execute_all();
    rig.take_batch(records);
    rig.execute_all();
  }
  CHECK(rig.meter.account->held() < 5 * value_bytes);
  rig.clock.advance(100ms);
  rig.execute_all();
  CHECK(rig.seen == std::string(2 * value_bytes, 'v'));
  CHECK(rig.core->committable() == 2 * records);
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE("I8: a job that waits behind one that is called again keeps its own record only") {
  memory_rig rig;
  auto before = GENERATE(true, false);
  rig.add_stage<std::string>([](const record& rec) { return std::string{rec.value}; });
  rig.start();
  rig.take_batch();
  if (before)
    rig.take_batch(records);
  rig.answer_all();
  if (!before)
    rig.take_batch(records);
  CHECK(rig.meter.account->held() < 3 * value_bytes);
  rig.come_due();
  CHECK(rig.core->committable() == 2 * records);
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE("I8: an event whose handler waits for one of its key that is called again keeps its own "
          "record only") {
  memory_rig rig;
  auto in_stage = GENERATE(true, false);
  if (in_stage) {
    rig.source->config.key_turns = key_turns::serial;
    rig.add_stage<std::string>([](const record& rec) { return std::string{rec.value}; });
  } else {
    rig.on_default([&rig](context<>&, const record& rec) -> outcome {
      if (rec.key == "key 0" && !std::exchange(rig.failed, true))
        return {errc::handler_failed, "no table"};
      return complete;
    });
  }
  rig.start();
  rig.take_batch();
  auto before = in_stage && GENERATE(true, false);
  if (before)
    rig.take_batch(records);
  rig.answer_all();
  if (!before)
    rig.take_batch(records);
  CHECK(rig.meter.account->held() < 3 * value_bytes);
  rig.come_due();
  CHECK(rig.core->committable() == 2 * records);
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE("I8: an event that is complete and waits for its key's release keeps its own record only "
          "while something before it is called again") {
  memory_rig rig;
  auto before = GENERATE(true, false);
  rig.add_stage<std::string>([](const record& rec) { return std::string{rec.value}; });
  rig.source->fallback = [then = rig.source->fallback](detail::turn& t, const record& rec) {
    return rec.offset == records ? outcome{complete} : then(t, rec);
  };
  rig.start();
  rig.take_batch();
  if (before)
    rig.take_batch(records);
  rig.answer_all();
  if (!before)
    rig.take_batch(records);
  CHECK(rig.meter.account->held() < 3 * value_bytes);
  rig.come_due();
  CHECK(rig.core->committable() == 2 * records);
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE("I8: an event that is complete and waits for its key's release keeps its own record only "
          "while a job before it waits behind another key's that is called again") {
  memory_rig rig;
  rig.other = records + 1; // of key 1
  rig.add_stage<std::string>([](const record& rec) { return std::string{rec.value}; });
  rig.start();
  rig.take_batch();
  rig.answer_all();
  rig.take_batch(records);
  rig.take_batch(2 * records);
  CHECK(rig.meter.account->held() < 6 * value_bytes); // three records of key 0, two of key 1
  rig.come_due();
  CHECK(rig.core->committable() == 3 * records);
  CHECK(rig.meter.account->held() == 0);
}

TEST_CASE("types of numbers, texts and lists of them own their data, others must say so") {
  CHECK(owns_its_data<int>);
  CHECK(owns_its_data<std::vector<std::optional<std::string>>>);
  CHECK(owns_its_data<std::pair<std::string, double>>);
  CHECK_FALSE(owns_its_data<std::string_view>);
  CHECK_FALSE(owns_its_data<std::vector<const char*>>);
}

// -- what waits for its transaction
// ------------------------------------------------------------------

TEST_CASE("I8: under exactly once outputs are charged until they are committed, and no longer") {
  memory_rig rig;
  rig.source->config.exactly_once = true;
  auto with_headers = GENERATE(false, true); // those are not packed
  rig.on_default([with_headers](context<>& ctx, const record& rec) {
    if (with_headers)
      ctx.forward(
        {.topic = "out", .value = std::string{rec.value}, .headers = {{"name", "value"}}});
    ctx.forward(rec, "out");
    return complete;
  });
  rig.start();
  rig.take_batch();
  CHECK(rig.meter.account->held() > 2 * records * value_bytes);
  const auto* next = rig.core->next_transaction(true);
  REQUIRE(next != nullptr);
  CHECK(next->events.size() == records);
  CHECK(rig.meter.account->held() > 2 * records * value_bytes);
  rig.core->committed(next->number);
  CHECK(rig.meter.account->held() == 0);
}
