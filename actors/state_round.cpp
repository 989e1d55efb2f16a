#include "actors/state_round.hpp"

#include <keyloom/detail/batcher_base.hpp>

#include <algorithm>

namespace keyloom::actors {

namespace {

/// A partition that has not answered by then is inside of the user's code.
constexpr std::chrono::milliseconds answer_timeout{300};

/// What a partition that does not answer is known to do.
event_state inside_of_a_turn(const partition_state& of) {
  return {.offset = std::max<int64_t>(of.reached, 0),
          .waits_for = "a handler or finalizer to return, of it or of a later event",
          .age = of.oldest_age};
}

} // namespace

std::string topics_of(const source_config& cfg) {
  if (!cfg.pattern.empty() || !cfg.topic.empty())
    return cfg.topic + cfg.pattern;
  std::string result;
  for (auto& each : cfg.topics)
    result += (result.empty() ? "" : ",") + each;
  return result;
}

state_round::state_round(caf::event_based_actor* self, services* shared, source_board* board,
                         std::function<partitions()> living)
  : self_(self), shared_(shared), board_(board), living_(std::move(living)) {
  // nop
}

void state_round::ask(std::shared_ptr<state_request> what) {
  waiting_.push_back(std::move(what));
  if (asked_.empty())
    begin();
}

void state_round::begin() {
  asked_ = std::exchange(waiting_, {});
  if (asked_.empty())
    return;
  views_.clear();
  auto living = living_();
  unanswered_ = living.size();
  for (auto& [where, partition] : living)
    self_->request(partition, answer_timeout, view_atom_v)
      .then([this, where = where](core::partition_view& view) { heard(where, std::move(view)); },
            [this](const caf::error&) { one_answered(); }); // busy, or given up meanwhile
  if (living.empty())
    finish();
}

void state_round::heard(const kafka::topic_partition& where, core::partition_view&& view) {
  views_.insert_or_assign(where, std::move(view));
  one_answered();
}

void state_round::one_answered() {
  if (--unanswered_ == 0)
    finish();
}

void state_round::finish() {
  auto asked = std::exchange(asked_, {});
  auto result = put_together();
  for (auto& each : asked)
    each->answer(result);
  begin();
}

source_state state_round::put_together() {
  auto result = board_->snapshot();
  add_services(*shared_, result);
  for (auto& each : result.partitions) {
    if (auto it = views_.find({each.topic, each.partition}); it != views_.end()) {
      auto& view = it->second;
      each.oldest = std::move(view.oldest);
      each.interjection = std::move(view.interjection);
      std::ranges::move(view.keys, std::back_inserter(result.keys));
    } else if (each.oldest_age.count() > 0 && each.lifecycle != lifecycle::stopped) {
      each.oldest = inside_of_a_turn(each);
      result.keys.push_back({each.topic, each.partition, *each.oldest});
    }
  }
  views_.clear();
  std::ranges::stable_sort(result.keys, std::ranges::greater{},
                           [](const key_state& each) { return each.oldest.age; });
  if (result.keys.size() > source_state::most_keys)
    result.keys.resize(source_state::most_keys);
  return result;
}

void add_services(const services& from, source_state& to) {
  auto& plan = *from.source;
  to.group = plan.config.group;
  to.topic = topics_of(plan.config);
  to.commit.exactly_once = plan.config.exactly_once;
  if (from.budget)
    to.budget = static_cast<uint64_t>(from.budget->limit());
  if (from.threads)
    to.workers.threads = from.threads->size();
  if (from.workers)
    to.workers.busy = from.workers->running() + from.batches->running();
  auto stage = to.stages.begin();
  auto batcher = to.batchers.begin();
  for (auto& each : plan.stages) {
    if (each->kind() == processor_kind::batch) {
      if (batcher == to.batchers.end())
        return; // the source is being started
      auto& options = static_cast<const detail::batcher_base&>(*each).options();
      batcher->max_batch_size = options.max_batch_size;
      batcher->max_concurrent_batches = options.max_concurrent_batches;
      if (auto held = each->held_back())
        batcher->paused = held->stage;
      ++batcher;
      continue;
    }
    if (stage == to.stages.end())
      return;
    stage->kind = each->kind();
    stage->mode = each->mode();
    stage->limits = each->limits();
    if (auto held = each->held_back()) {
      stage->paused = held->stage;
      stage->paused_keys.assign(held->keys.begin(), held->keys.end());
    }
    ++stage;
  }
}

} // namespace keyloom::actors
