#include "tools/work_source.hpp"

#include "tools/delay_actor.hpp"
#include "tools/delay_thread.hpp"

#include <keyloom/event_source.hpp>
#include <keyloom/handler_actor.hpp>
#include <keyloom/store/hash_map_store.hpp>

#include <nlohmann/json.hpp>
#include <simdjson.h>

#include <algorithm>
#include <random>
#include <thread>

namespace keyloom::tools {

namespace {

int64_t microseconds_since_1970() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

/// A number from 0 to 1, of a generator of this thread's own.
double chance() {
  static thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>{}(generator);
}

/// simdjson takes a third of the time, but refuses numbers beyond 64 bits, which JSON allows.
bool is_json(std::string_view value) {
  static thread_local simdjson::dom::parser parser;
  return parser.parse(value.data(), value.size()).error() == simdjson::SUCCESS
         || nlohmann::json::accept(value);
}

/// The value with `"d"` added as last field, and `"c"` where there is a count; as it is when it is
/// not a JSON object.
std::string with_done_time(std::string_view value, std::optional<uint64_t> count) {
  auto last = value.find_last_not_of(" \t\r\n");
  auto first = value.find_first_not_of(" \t\r\n");
  if (first == value.npos || value[first] != '{' || value[last] != '}' || !is_json(value))
    return std::string{value};
  std::string result;
  result.reserve(value.size() + 48);
  result.append(value.substr(0, last));
  auto before = value.find_last_not_of(" \t\r\n", last - 1);
  result += value[before] == '{' && before == first ? "\"d\":" : ",\"d\":";
  result += std::to_string(microseconds_since_1970());
  if (count)
    result += ",\"c\":" + std::to_string(*count);
  result += '}';
  return result;
}

caf::error on_purpose() {
  return caf::make_error(errc::processor_failed, "failed on purpose (--fail-rate)");
}

template <class Store>
class typed_work_source final : public work_source {
public:
  template <class... Factory>
  typed_work_source(caf::actor_system& system, const work_options& options, source_config cfg,
                    Factory... make_store)
    : options_(options), source_(system, std::move(cfg), std::move(make_store)...) {
    add_processor();
  }

  caf::error start() override { return source_.start(); }
  void stop() override { source_.stop(); }
  source_state state() const override { return source_.state(); }
  void full_state(std::function<void(source_state)> then) override {
    source_.full_state_then(std::move(then));
  }

private:
  using context_type = context<Store>;

  void add_processor();
  void add_none();
  void add_compute();
  void add_blocking();
  void add_actor();
  void add_async();
  void add_batch();
  stage_options how() const;
  outcome finish(context_type& ctx);
  std::optional<uint64_t> count(context_type& ctx);
  std::chrono::microseconds delay() const;

  const work_options& options_;
  std::optional<delay_thread> answers_; // of --processor async
  event_source<Store> source_;
};

template <class Store>
void typed_work_source<Store>::add_processor() {
  if (options_.processor == "compute")
    add_compute();
  else if (options_.processor == "blocking")
    add_blocking();
  else if (options_.processor == "actor")
    add_actor();
  else if (options_.processor == "async")
    add_async();
  else if (options_.processor == "batch")
    add_batch();
  else
    add_none();
}

template <class Store>
void typed_work_source<Store>::add_none() {
  source_.on_default([this](context_type& ctx, const record&) {
    return fails(options_.fail_rate) ? outcome{on_purpose()} : finish(ctx);
  });
}

template <class Store>
void typed_work_source<Store>::add_compute() {
  struct hash_job {
    std::string_view value; // in the record's memory, which outlives the job
    double fail_rate;
  };
  auto one = [](std::string_view, hash_job& job) -> caf::expected<uint64_t> {
    if (fails(job.fail_rate))
      return on_purpose();
    return std::hash<std::string_view>{}(job.value);
  };
  auto run = [one](std::string_view key, std::span<hash_job* const> jobs) {
    std::vector<caf::expected<uint64_t>> results;
    results.reserve(jobs.size());
    for (auto* job : jobs)
      results.push_back(one(key, *job));
    return results;
  };
  auto done = [this](context_type& ctx, std::string_view, hash_job&, caf::expected<uint64_t> hash) {
    return hash ? finish(ctx) : outcome{hash.error()};
  };
  auto stage = options_.by_run
                 ? source_.template stage<hash_job, uint64_t>("compute", compute(by_run(run)), done,
                                                              how())
                 : source_.template stage<hash_job, uint64_t>("compute", compute(one), done, how());
  source_.on_default([this, stage](context_type& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, hash_job{rec.value, options_.fail_rate});
  });
}

template <class Store>
void typed_work_source<Store>::add_blocking() {
  auto wait = [](int64_t us) { // the slow call that is measured
    std::this_thread::sleep_for(std::chrono::microseconds{us});
  };
  auto one = [wait](std::string_view, delay_job& job) -> caf::expected<void> {
    wait(job.delay_us);
    return fails(job.fail_rate) ? on_purpose() : caf::error{};
  };
  auto run = [wait](std::string_view, std::span<delay_job* const> jobs) {
    int64_t longest = 0; // one call, which a straggler holds up
    std::vector<caf::expected<void>> results;
    results.reserve(jobs.size());
    for (auto* job : jobs) {
      longest = std::max(longest, job->delay_us);
      results.emplace_back(fails(job->fail_rate) ? on_purpose() : caf::error{});
    }
    wait(longest);
    return results;
  };
  auto done = [this](context_type& ctx, std::string_view, delay_job&, caf::expected<void> result) {
    return result ? finish(ctx) : outcome{result.error()};
  };
  auto stage = options_.by_run
                 ? source_.template stage<delay_job, void>("blocking", blocking(by_run(run)), done,
                                                           how())
                 : source_.template stage<delay_job, void>("blocking", blocking(one), done, how());
  source_.on_default([this, stage](context_type& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, delay_job{delay().count(), options_.fail_rate});
  });
}

template <class Store>
void typed_work_source<Store>::add_actor() {
  auto stage = source_.template stage<delay_job, int64_t>(
    "actor", shared_actor(spawn_delay_actor),
    [this](context_type& ctx, std::string_view, delay_job&, caf::expected<int64_t> done) {
      return done ? finish(ctx) : outcome{done.error()};
    },
    how());
  source_.on_default([this, stage](context_type& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, delay_job{delay().count(), options_.fail_rate});
  });
}

template <class Store>
void typed_work_source<Store>::add_async() {
  answers_.emplace();
  auto begin = [this](std::string_view, delay_job& job, completion<int64_t> done) {
    answers_->answer_later(job, std::move(done));
  };
  auto stage = source_.template stage<delay_job, int64_t>(
    "async", async(begin),
    [this](context_type& ctx, std::string_view, delay_job&, caf::expected<int64_t> done) {
      return done ? finish(ctx) : outcome{done.error()};
    },
    how());
  source_.on_default([this, stage](context_type& ctx, const record& rec) {
    return stage.schedule(ctx, rec.key, delay_job{delay().count(), options_.fail_rate});
  });
}

template <class Store>
void typed_work_source<Store>::add_batch() {
  batcher_options batches{.max_concurrent_batches = how().limits.concurrency};
  if (options_.batch_size)
    batches.max_batch_size = *options_.batch_size;
  auto write = source_.template batcher<delay_job>(
    "batch", blocking([](batch<delay_job>& items) {
      int64_t longest = 0; // one call, which a straggler holds up
      for (auto& each : items) {
        longest = std::max(longest, each.value.delay_us);
        if (fails(each.value.fail_rate))
          each.error = on_purpose();
      }
      if (longest > 0)
        std::this_thread::sleep_for(std::chrono::microseconds{longest}); // what is measured
    }),
    [this](context_type& ctx, batch_items<delay_job>& items) {
      return items.error() ? outcome{items.error()} : finish(ctx);
    },
    batches);
  source_.on_default([this, write](context_type& ctx, const record& rec) {
    return write.add(ctx, rec.key, delay_job{delay().count(), options_.fail_rate});
  });
}

template <class Store>
stage_options typed_work_source<Store>::how() const {
  stage_options chosen{.limits = find_preset(options_.preset).value_or(standard)};
  if (options_.concurrency) {
    auto& limits = chosen.limits;
    limits.concurrency = *options_.concurrency;
    limits.concurrent_keys = std::max(limits.concurrent_keys, 10 * *options_.concurrency);
  }
  if (options_.mode == "by_partition")
    chosen.mode = stage_mode::by_partition;
  else if (options_.mode == "unordered")
    chosen.mode = stage_mode::unordered;
  return chosen;
}

template <class Store>
outcome typed_work_source<Store>::finish(context_type& ctx) {
  auto& rec = ctx.input();
  if (rec.timestamp_ms >= 0)
    latency_.add(microseconds_since_1970() - rec.timestamp_ms * 1000);
  auto counted = count(ctx);
  if (options_.out.empty())
    return complete;
  outgoing_record result{.topic = options_.out, .type = "done"};
  if (rec.has_key())
    result.key.emplace(rec.key);
  if (rec.has_value())
    result.value = with_done_time(rec.value, counted);
  if (!options_.tag.empty())
    result.headers.push_back({"by", options_.tag});
  ctx.forward(std::move(result));
  return complete;
}

/// Of this record's key, with it.
template <class Store>
std::optional<uint64_t> typed_work_source<Store>::count([[maybe_unused]] context_type& ctx) {
  if constexpr (std::same_as<Store, no_store>) {
    return std::nullopt;
  } else {
    if (!ctx.input().has_key())
      return std::nullopt;
    std::string key{ctx.input().key};
    const auto* before = ctx.store().find(key);
    auto result = (before != nullptr ? *before : 0) + 1;
    ctx.record_change(ctx.store().set(std::move(key), result));
    return result;
  }
}

template <class Store>
std::chrono::microseconds typed_work_source<Store>::delay() const {
  if (options_.straggler_fraction > 0 && chance() < options_.straggler_fraction)
    return std::chrono::milliseconds{options_.straggler_ms};
  auto jitter = options_.jitter_ms > 0 ? chance() * static_cast<double>(options_.jitter_ms) * 1000
                                       : 0.0;
  return std::chrono::microseconds{options_.delay_ms * 1000 + static_cast<int64_t>(jitter)};
}

} // namespace

std::unique_ptr<work_source> make_work_source(caf::actor_system& system,
                                              const work_options& options, source_config cfg) {
  using counts = hash_map_store<std::string, uint64_t>;
  if (options.state.empty())
    return std::make_unique<typed_work_source<no_store>>(system, options, std::move(cfg));
  return std::make_unique<typed_work_source<counts>>(system, options, std::move(cfg),
                                                     [] { return counts{}; });
}

} // namespace keyloom::tools
