// Whole lives of a source without a store under exactly once, in the testkit. Most of its events
// are over with their handler, and leave nothing behind but their outputs, beside others that wait
// for jobs or are called again. Each output must be committed once, in its order, with its event.
#include "tests/fakes/kit_lives.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>

namespace {

using namespace keyloom;
using namespace std::chrono_literals;

constexpr int32_t partitions = 2;

class plain_lives {
public:
  plain_lives(test_system& system, uint64_t seed) : random_(seed), source_(system, config()) {
    work_ = source_.stage<int, void>("work", blocking([](std::string_view, int&) {}),
                                     [this](context<>& ctx, std::string_view, int& left,
                                            caf::expected<void>) {
                                       if (left == 0) // behind outputs that are not packed
                                         ctx.forward(ctx.input(), "done");
                                       return go_on(ctx, left);
                                     });
    source_.on_default([this](context<>& ctx, const record& rec) {
      ctx.forward(rec, "copies");
      auto again = rec.value[1] == 'r' && ++calls_[ctx.partition()][rec.offset] % 3 != 0;
      if (again || rec.value[1] == 'x')
        throw std::runtime_error{"as it has to"};
      return go_on(ctx, rec.value[0] - '0');
    });
    kit_.emplace(source_, testkit_options{.seed = seed, .partitions = partitions});
  }

  std::string run() {
    for (auto left = 20 + pick(60); left > 0 && wrong_.empty(); --left) {
      act();
      check();
    }
    for (auto left = 10 + fed_[0].size() + fed_[1].size(); left > 0; --left) {
      kit_->run();
      kit_->advance(100ms);
      kit_->commit();
    }
    check();
    for (int32_t p = 0; p < partitions; ++p)
      if (fakes::committed_of(*kit_, p).size() != fed_[p].size())
        wrong("not everything got out");
    return wrong_;
  }

private:
  size_t pick(size_t below) { return random_() % below; }
  void wrong(const std::string& what) {
    if (wrong_.empty())
      wrong_ = what + "\n" + kit_->describe();
  }

  source_config config() {
    constexpr output_order orders[] = {output_order::by_key, output_order::by_event,
                                       output_order::none};
    order_ = orders[pick(3)];
    source_config result{.group = "g",
                         .topic = "t",
                         .output_order = order_,
                         .key_turns = pick(2) == 0 ? key_turns::serial : key_turns::interleaved,
                         .on_error = failure_action::skip,
                         .exactly_once = true};
    result.retry = {.times = 2, .backoff = 10ms};
    if (pick(2) == 0)
      result.credit = 5;
    return result;
  }

  /// So many jobs are to come; each turn but the first has an output that is not packed.
  outcome go_on(context<>& ctx, int left) {
    if (left == 0)
      return complete;
    ctx.forward({.topic = "steps",
                 .key = copy_of(ctx.input().key),
                 .value = std::to_string(left),
                 .headers = {{"name", "value"}}});
    return work_->schedule(ctx, ctx.input().key, left - 1);
  }

  static std::optional<std::string> copy_of(std::string_view key) {
    return key.data() == nullptr ? std::nullopt : std::optional{std::string{key}};
  }

  void act() {
    auto partition = static_cast<int32_t>(pick(partitions));
    switch (pick(14)) {
      case 0:
      case 1:
        return kit_->commit();
      case 2:
        return kit_->advance(std::chrono::milliseconds{pick(150)});
      case 3:
        return fakes::hand_over(*kit_, partition, random_);
      case 4:
        if (pick(3) > 0)
          return feed(partition);
        kit_->crash();
        return kit_->restart();
      case 5:
      case 6:
      case 7:
        return feed(partition);
      case 8: // what waits for its transaction is in the view like all else
        kit_->internals().seat_of(partition).now ? look(partition) : feed(partition);
        return;
      default:
        kit_->run(1 + pick(8));
    }
  }

  void look(int32_t partition) {
    auto& core = kit_->internals().seat_of(partition).now->core();
    auto seen = core.view();
    auto open = fed_[partition].size() > fakes::committed_of(*kit_, partition).size();
    if (core.state() == lifecycle::active && open && seen.oldest && seen.keys.empty()
        && seen.oldest->waits_for != "its handler to be called")
      wrong("I10: a record is in work, and no key is shown");
  }

  void feed(int32_t partition) {
    for (auto left = 1 + pick(9); left > 0; --left) {
      auto kind = pick(10);
      std::string value{pick(3) == 0 ? static_cast<char>('0' + pick(4)) : '0', kind == 0   ? 'x'
                                                                               : kind == 1 ? 'r'
                                                                                           : '-'};
      std::optional<std::string> key;
      if (pick(6) > 0)
        key.emplace(1 + pick(4), 'k');
      kit_->feed({.key = key, .value = value, .partition = partition});
      fed_[partition].push_back({key, value});
    }
  }

  void check() {
    for (int32_t partition = 0; partition < partitions; ++partition) {
      std::map<int64_t, std::vector<std::string>> found;
      std::map<std::string, int64_t> last;
      for (auto& each : kit_->outputs()) {
        if (each.source_partition != partition)
          continue;
        auto at = each.source_offset;
        auto in_order = order_ == output_order::by_event
                        || (order_ == output_order::by_key && each.key.has_value());
        auto line = order_ == output_order::by_event ? "" : each.key.value_or("");
        auto& before = last.try_emplace(line, -1).first->second;
        if (in_order && at < before)
          wrong("an output stands behind one of a later event");
        before = at;
        found[at].push_back(*each.value);
        if (each.key != fed_[partition][static_cast<size_t>(at)].key)
          wrong("an output has another event's key");
      }
      for (auto at : fakes::committed_of(*kit_, partition))
        if (auto expected = outputs_of(fed_[partition][static_cast<size_t>(at)]);
            found[at] != expected)
          wrong("event " + std::to_string(at) + " is committed with "
                + std::to_string(found[at].size()) + " of " + std::to_string(expected.size())
                + " outputs, or others");
      for (auto& [at, outputs] : found)
        if (!outputs.empty() && !fakes::committed_of(*kit_, partition).contains(at))
          wrong("I2: outputs are there of an event that is not committed");
    }
  }

  struct fed_record {
    std::optional<std::string> key;
    std::string value;
  };

  /// None of one whose handler failed for good.
  static std::vector<std::string> outputs_of(const fed_record& rec) {
    if (rec.value[1] == 'x')
      return {};
    std::vector<std::string> result{rec.value};
    for (auto left = rec.value[0]; left > '0'; --left)
      result.emplace_back(1, left);
    if (rec.value[0] > '0')
      result.push_back(rec.value);
    return result;
  }

  std::mt19937_64 random_;
  output_order order_ = output_order::by_key;
  event_source<> source_;
  std::optional<stage_handle<int>> work_;
  std::vector<fed_record> fed_[partitions];
  std::map<int64_t, int> calls_[partitions]; ///< of the handlers that fail twice
  std::string wrong_;
  std::optional<testkit<no_store>> kit_;
};

} // namespace

TEST_CASE(
  "I2 I7: under exactly once outputs without a store are committed once, with their events") {
  test_system system;
  for (auto seed : test_seeds(400)) {
    auto wrong = plain_lives{system, seed}.run();
    INFO(wrong << "replay: KEYLOOM_SEED=" << seed
               << " unit_tests \"I2 I7: under exactly once o*\"");
    REQUIRE(wrong.empty());
  }
}
