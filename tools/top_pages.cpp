// The pages behind a line of the overview.
#include "runtime/core/shown_key.hpp"
#include "tools/progress.hpp"
#include "tools/top_text.hpp"
#include "tools/top_view.hpp"

#include <algorithm>

namespace keyloom::tools {

namespace {

constexpr size_t label_width = 22;

std::string field(const std::string& name, const std::string& value) {
  return table_line({{name, label_width, true}, {value, 0, true}});
}

} // namespace

void top_view::add_page_of(std::vector<row>& to, const subject& what) const {
  if (what.source >= seen_.sources.size()) {
    to.push_back({{"its source is gone; Backspace goes back", emphasis::alert}, {}});
    return;
  }
  switch (what.what) {
    case subject::kind::partition:
      return add_partition_page(to, what);
    case subject::kind::stage:
      return add_stage_page(to, what);
    case subject::kind::key:
      return add_key_page(to, what);
  }
}

void top_view::add_partition_page(std::vector<row>& to, const subject& what) const {
  auto& all = seen_.sources[what.source].partitions;
  auto name = what.topic + "/" + std::to_string(what.partition);
  to.push_back({{"PARTITION " + name, emphasis::heading}, {}});
  auto it = std::ranges::find_if(all, [&what](auto& each) {
    return each.topic == what.topic && each.partition == what.partition;
  });
  if (it == all.end()) {
    to.push_back({{"  is not assigned to this process any more", emphasis::alert}, {}});
    return;
  }
  auto add = [&to](const std::string& label, const std::string& value) {
    if (!value.empty())
      to.push_back({{field(label, value), emphasis::plain}, {}});
  };
  add("state", to_string(it->lifecycle) + (it->traced ? ", traced to the log" : ""));
  add("error", it->error);
  add("oldest event", it->oldest
                        ? to_string(*it->oldest) + "; in flight for " + shown_time(it->oldest->age)
                        : "none: all are out");
  add("interjection", it->interjection ? to_string(*it->interjection) : "");
  add("committed", shown_number(it->committed));
  add("lowest not out", shown_number(it->reached));
  add("position", shown_number(it->position));
  add("end", shown_number(it->end));
  add("lag", shown_number(it->lag));
  add("in flight", with_commas(it->in_flight));
  add("held", shown_bytes(it->held_bytes));
  if (it->restore.seconds > 0)
    add("restored", to_string(it->restore));
  if (it->store_size)
    add("entries in its store", with_commas(*it->store_size));
  to.push_back({{"", emphasis::plain}, {}});
  add_keys(to, what.source, what);
}

void top_view::add_stage_page(std::vector<row>& to, const subject& what) const {
  auto& source = seen_.sources[what.source];
  auto add = [&to](const std::string& label, const std::string& value) {
    if (!value.empty())
      to.push_back({{field(label, value), emphasis::plain}, {}});
  };
  to.push_back({{"STAGE " + what.stage, emphasis::heading}, {}});
  if (auto it = std::ranges::find(source.stages, what.stage, &stage_state::name);
      it != source.stages.end()) {
    add("paused", it->paused ? "yes, by an inspector" : "");
    for (auto& each : it->paused_keys)
      add("paused key", core::shown_key(each));
    add("kind, mode", to_string(it->kind) + ", " + to_string(it->mode));
    add("limits", with_commas(it->limits.concurrency) + " at once, "
                    + with_commas(it->limits.waiting_per_worker) + " waiting for each, "
                    + with_commas(it->limits.concurrent_keys) + " keys");
    add("running", with_commas(it->running));
    add("waiting", with_commas(it->waiting));
    add("keys", with_commas(it->keys));
    add("parked", with_commas(it->parked));
    add("retries", with_commas(it->retries));
    add("timed out", with_commas(it->timed_out));
    add("late answers", with_commas(it->late_answers));
    if (it->actors_made > 0)
      add("handler actors", with_commas(it->actors_alive) + " alive, "
                              + with_commas(it->actors_made) + " made, "
                              + with_commas(it->actors_evicted) + " evicted");
  } else if (auto batcher = std::ranges::find(source.batchers, what.stage, &batcher_state::name);
             batcher != source.batchers.end()) {
    add("paused", batcher->paused ? "yes, by an inspector" : "");
    add("limits", with_commas(batcher->max_concurrent_batches) + " batches at once, "
                    + with_commas(batcher->max_batch_size) + " items each");
    add("batches running", with_commas(batcher->running));
    add("items waiting", with_commas(batcher->waiting_items));
    add("batches so far", with_commas(batcher->batches) + ", with " + with_commas(batcher->items)
                            + " items; the largest had " + with_commas(batcher->largest));
    add("parked", with_commas(batcher->parked));
    add("retries", with_commas(batcher->retries));
  }
  to.push_back({{"", emphasis::plain}, {}});
  add_keys(to, what.source, what);
}

void top_view::add_key_page(std::vector<row>& to, const subject& what) const {
  auto& keys = seen_.sources[what.source].keys;
  to.push_back(
    {{"KEY " + (what.key ? core::shown_key(*what.key) : std::string{"none"}), emphasis::heading},
     {}});
  auto it = std::ranges::find_if(keys,
                                 [&](auto& each) { return about(each, what.source) == what; });
  if (it == keys.end()) {
    to.push_back({{"  is not among the keys in flight for longest any more", emphasis::plain}, {}});
    return;
  }
  auto add = [&to](const std::string& label, const std::string& value) {
    to.push_back({{field(label, value), emphasis::plain}, {}});
  };
  auto& ev = it->oldest;
  add("in flight for", shown_time(ev.age));
  add("stage", ev.stage.empty() ? "none" : ev.stage);
  add("waits for", ev.waits_for);
  add("partition", it->topic + "/" + std::to_string(it->partition));
  add("offset", ev.offset >= 0 ? std::to_string(ev.offset) : "none: an interjection");
  add("jobs of the key", with_commas(it->jobs));
}

} // namespace keyloom::tools
