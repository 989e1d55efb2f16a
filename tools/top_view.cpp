#include "tools/top_view.hpp"

#include "runtime/core/shown_key.hpp"
#include "runtime/core/state_text.hpp"
#include "tools/progress.hpp"
#include "tools/top_text.hpp"

#include <algorithm>

namespace keyloom::tools {

namespace {

using std::chrono::milliseconds;

/// What is in flight for longer is worth a look.
constexpr milliseconds standing_after{2000};
/// Lines for that; more of the keys are below.
constexpr size_t most_standing = 8;

std::string key_text(const event_state& of) {
  if (!of.interjection.empty())
    return "interjection '" + of.interjection + "'";
  return of.key ? core::shown_key(*of.key) : "no key";
}

/// Its work has not begun, as others are in the way.
bool waits_for_place(const event_state& of) {
  return of.waits_for.starts_with(core::place_in_stage);
}

/// In a sentence.
std::string the_key(const event_state& of) {
  return of.interjection.empty() && of.key ? "key " + key_text(of) : key_text(of);
}

std::string stage_text(const event_state& of) {
  return of.stage.empty() ? "no stage" : "stage '" + of.stage + "'";
}

std::string place_text(const key_state& of) {
  return of.topic + "/" + std::to_string(of.partition);
}

std::string counted(uint64_t number, const std::string& what) {
  return with_commas(number) + " " + what;
}

} // namespace

top_view::top_view(std::string place) : place_(std::move(place)) {
  // nop
}

void top_view::show(system_state seen, time_point now) {
  away_.clear();
  before_ = std::exchange(seen_, std::move(seen));
  before_at_ = std::exchange(seen_at_, now);
  if (!std::exchange(looked_, true)) {
    before_ = seen_;
    before_at_ = now;
  }
}

// -- commands -------------------------------------------------------------------------------------

void top_view::press(command what) {
  switch (what) {
    case command::up:
      return choose(-1);
    case command::down:
      return choose(1);
    case command::page_up:
      return choose(-static_cast<int64_t>(height_) / 2);
    case command::page_down:
      return choose(static_cast<int64_t>(height_) / 2);
    case command::enter: {
      auto rows = page();
      auto at = chosen_in(rows);
      if (at < rows.size() && (pages_.empty() || pages_.back() != *rows[at].about)) {
        pages_.push_back(*rows[at].about);
        chosen_.reset();
      }
      return;
    }
    case command::back:
      if (!pages_.empty()) {
        chosen_ = std::move(pages_.back());
        pages_.pop_back();
      }
      return;
    case command::sort:
      order_ = static_cast<order>((static_cast<int>(order_) + 1) % 4);
  }
}

/// The row that is chosen, by what it is about; the first one when that is gone. rows.size(): there
/// is none.
size_t top_view::chosen_in(const std::vector<row>& rows) const {
  auto first = rows.size();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].about)
      continue;
    if (chosen_ && *rows[i].about == *chosen_)
      return i;
    first = std::min(first, i);
  }
  return first;
}

void top_view::choose(int64_t steps) {
  auto rows = page();
  auto at = chosen_in(rows);
  if (at == rows.size())
    return;
  auto step = steps < 0 ? -1 : 1;
  auto left = steps * step;
  for (auto i = static_cast<int64_t>(at) + step;
       i >= 0 && i < static_cast<int64_t>(rows.size()) && left > 0; i += step) {
    auto& about = rows[static_cast<size_t>(i)].about;
    if (about && *about != *rows[at].about) { // a key may have two rows
      at = static_cast<size_t>(i);
      --left;
    }
  }
  chosen_ = rows[at].about;
}

// -- lines ----------------------------------------------------------------------------------------

std::vector<shown_line> top_view::lines(size_t width, size_t height) {
  height_ = std::max<size_t>(height, 1);
  auto rows = page();
  auto at = chosen_in(rows);
  if (at < rows.size())
    rows[at].line.chosen = true;
  size_t from = 1; // the title stays
  if (at < rows.size() && at >= height_)
    from = at - height_ + 2;
  std::vector<shown_line> result;
  for (size_t i = 0; i < rows.size() && result.size() < height_; i = i == 0 ? from : i + 1) {
    auto line = std::move(rows[i].line);
    line.text.resize(std::min(line.text.size(), width));
    result.push_back(std::move(line));
  }
  return result;
}

std::vector<top_view::row> top_view::page() const {
  std::vector<row> result;
  add_head(result);
  if (!looked_)
    return result;
  if (!pages_.empty()) {
    add_page_of(result, pages_.back());
    return result;
  }
  add_standing(result);
  for (size_t i = 0; i < seen_.sources.size(); ++i) {
    add_source(result, i);
    add_partitions(result, i);
    add_stages(result, i);
    add_batchers(result, i);
    add_keys(result, i, std::nullopt);
  }
  choose_once(result);
  return result;
}

/// A key that stands still has two lines; the choice would jump from the second one to the first.
void top_view::choose_once(std::vector<row>& rows) {
  for (auto it = rows.begin(); it != rows.end(); ++it)
    if (it->about
        && std::any_of(rows.begin(), it, [&it](auto& each) { return each.about == it->about; }))
      it->about.reset();
}

void top_view::add_head(std::vector<row>& to) const {
  constexpr const char* orders[] = {"age", "lag", "in flight", "name"};
  auto title = "keyloom " + place_;
  if (looked_)
    title += ", process " + std::to_string(seen_.process) + " on " + seen_.host + ", "
             + counted(seen_.sources.size(), "sources") + ", sorted by "
             + orders[static_cast<int>(order_)];
  to.push_back({{title, emphasis::title}, {}});
  if (!away_.empty())
    to.push_back({{away_ + "; trying again", emphasis::alert}, {}});
}

/// What an operator has to see first.
void top_view::add_standing(std::vector<row>& to) const {
  std::vector<std::pair<const key_state*, size_t>> standing;
  for (size_t i = 0; i < seen_.sources.size(); ++i) {
    auto& source = seen_.sources[i];
    for (auto& each : source.errors)
      to.push_back({{"ERROR in group " + source.group + ": " + each, emphasis::alert}, {}});
    for (auto& each : source.keys)
      if (each.oldest.age >= standing_after)
        standing.emplace_back(&each, i);
  }
  // What hangs comes before what only waits for it to give its place back, however long that takes.
  std::ranges::stable_sort(standing, std::ranges::greater{}, [](auto& each) {
    auto& ev = each.first->oldest;
    return std::pair{!waits_for_place(ev), ev.age};
  });
  if (standing.empty()) {
    to.push_back(
      {{"nothing stands still: no event is in flight for more than " + shown_time(standing_after),
        emphasis::heading},
       {}});
    return;
  }
  auto places = static_cast<size_t>(std::ranges::count_if(standing, [](auto& each) {
    return waits_for_place(each.first->oldest);
  }));
  to.push_back({{"STANDS STILL, longest first (" + with_commas(standing.size() - places) + ", and "
                   + with_commas(places) + " that only wait for a place in a stage)",
                 emphasis::heading},
                {}});
  for (size_t i = 0; i < std::min(standing.size(), most_standing); ++i) {
    auto& [key, source] = standing[i];
    auto& ev = key->oldest;
    to.push_back(
      {{"  for " + shown_time(ev.age) + ": " + the_key(ev) + " in " + stage_text(ev) + ", "
          + place_text(*key) + (ev.offset >= 0 ? " offset " + std::to_string(ev.offset) : "")
          + ", waits for " + ev.waits_for,
        emphasis::alert},
       about(*key, source)});
  }
  if (standing.size() > most_standing)
    to.push_back(
      {{"  and " + counted(standing.size() - most_standing, "more keys, below"), emphasis::quiet},
       {}});
}

void top_view::add_source(std::vector<row>& to, size_t index) const {
  auto& source = seen_.sources[index];
  auto speed = rate_of(index);
  int64_t lag = 0;
  uint64_t in_flight = 0;
  for (auto& each : source.partitions) {
    lag += std::max<int64_t>(each.lag, 0);
    in_flight += each.in_flight;
  }
  to.push_back({{"", emphasis::plain}, {}});
  to.push_back(
    {{"GROUP " + source.group + ", topic " + source.topic + (source.running ? "" : ", does not run")
        + ": " + (speed ? counted(speed->records, "rec/s in, ") + counted(speed->out, "out; ") : "")
        + "lag " + shown_number(lag) + "; " + counted(in_flight, "in flight"),
      emphasis::heading},
     {}});
  auto& commit = source.commit;
  auto transactions = commit.exactly_once
                        ? ", " + counted(commit.open_transactions, "transactions open, ")
                            + counted(commit.aborts, "aborts")
                        : "";
  to.push_back(
    {{"  holds " + shown_bytes(source.held_bytes) + " of " + shown_bytes(source.budget)
        + "; committed " + shown_time(commit.since_last) + " ago in "
        + shown_time(std::chrono::duration_cast<milliseconds>(commit.took)) + ", "
        + counted(commit.pending, "partitions pending") + transactions + "; "
        + with_commas(source.workers.busy) + " of "
        + counted(source.workers.threads, "threads busy; ") + counted(source.retries, "retries, ")
        + counted(source.parked, "parked, ") + counted(source.skipped, "skipped, ")
        + counted(source.dead_lettered, "dead letters"),
      emphasis::plain},
     {}});
}

void top_view::add_partitions(std::vector<row>& to, size_t index) const {
  std::vector<const partition_state*> all;
  for (auto& each : seen_.sources[index].partitions)
    all.push_back(&each);
  std::ranges::stable_sort(all, [this](auto* a, auto* b) {
    switch (order_) {
      case order::age:
        return a->oldest_age > b->oldest_age;
      case order::lag:
        return a->lag > b->lag;
      case order::in_flight:
        return a->in_flight > b->in_flight;
      default:
        return false; // they come by name
    }
  });
  auto line = [](std::string name, std::string state, std::string age, std::string lag,
                 std::string speed, std::string in_flight, std::string held, std::string committed,
                 std::string end, std::string waits_for) {
    return table_line({{std::move(name), 22, true},
                       {std::move(state), 10, true},
                       {std::move(age), 10},
                       {std::move(lag), 11},
                       {std::move(speed), 9},
                       {std::move(in_flight), 9},
                       {std::move(held), 10},
                       {std::move(committed), 12},
                       {std::move(end), 12},
                       {std::move(waits_for), 0, true}});
  };
  to.push_back({{line("partition", "state", "oldest", "lag", "rec/s", "in flight", "held",
                      "committed", "end", "oldest waits for"),
                 emphasis::quiet},
                {}});
  for (auto* each : all) {
    auto why = !each->error.empty() ? each->error : each->oldest ? each->oldest->waits_for : "";
    auto speed = rate_of(index, *each);
    auto stalled = !each->stall.empty() || !each->error.empty();
    to.push_back({{line(each->topic + "/" + std::to_string(each->partition),
                        to_string(each->lifecycle) + (each->traced ? "*" : ""),
                        each->oldest_age.count() > 0 ? shown_time(each->oldest_age) : "-",
                        shown_number(each->lag), speed ? shown_number(*speed) : "-",
                        with_commas(each->in_flight), shown_bytes(each->held_bytes),
                        shown_number(each->committed), shown_number(each->end), why),
                   stalled ? emphasis::alert : emphasis::plain},
                  subject{subject::kind::partition, index, each->topic, each->partition}});
  }
}

void top_view::add_stages(std::vector<row>& to, size_t index) const {
  auto& stages = seen_.sources[index].stages;
  if (stages.empty())
    return;
  auto line = [](std::string name, std::string kind, std::string running, std::string waiting,
                 std::string keys, std::string parked, std::string timed_out, std::string note) {
    return table_line({{std::move(name), 22, true},
                       {std::move(kind), 22, true},
                       {std::move(running), 13},
                       {std::move(waiting), 9},
                       {std::move(keys), 9},
                       {std::move(parked), 9},
                       {std::move(timed_out), 9},
                       {std::move(note), 0, true}});
  };
  to.push_back(
    {{line("stage", "kind, mode", "running/limit", "waiting", "keys", "parked", "timed out", ""),
      emphasis::quiet},
     {}});
  for (auto& each : stages) {
    std::string note = each.paused ? "PAUSED by an inspector" : "";
    if (!each.paused_keys.empty())
      note += counted(each.paused_keys.size(), "keys PAUSED by an inspector");
    if (each.actors_made > 0)
      note += counted(each.actors_alive, "handler actors");
    to.push_back(
      {{line(each.name, to_string(each.kind) + ", " + to_string(each.mode),
             each.kind == processor_kind::compute
               ? "-"
               : with_commas(each.running) + "/" + std::to_string(each.limits.concurrency),
             with_commas(each.waiting), with_commas(each.keys), with_commas(each.parked),
             with_commas(each.timed_out), note),
        each.paused || !each.paused_keys.empty() ? emphasis::alert : emphasis::plain},
       subject{subject::kind::stage, index, {}, 0, each.name}});
  }
}

void top_view::add_batchers(std::vector<row>& to, size_t index) const {
  auto& batchers = seen_.sources[index].batchers;
  if (batchers.empty())
    return;
  auto line = [](std::string name, std::string running, std::string items, std::string sets,
                 std::string batches, std::string mean, std::string note) {
    return table_line({{std::move(name), 22, true},
                       {std::move(running), 37},
                       {std::move(items), 9},
                       {std::move(sets), 9},
                       {std::move(batches), 9},
                       {std::move(mean), 9},
                       {std::move(note), 0, true}});
  };
  to.push_back(
    {{line("batcher", "batches running/limit", "items", "sets", "batches", "mean size", ""),
      emphasis::quiet},
     {}});
  for (auto& each : batchers)
    to.push_back(
      {{line(each.name,
             with_commas(each.running) + "/" + std::to_string(each.max_concurrent_batches),
             with_commas(each.waiting_items), with_commas(each.sets), with_commas(each.batches),
             each.batches > 0 ? with_commas(each.items / each.batches) : "-",
             each.paused ? "PAUSED by an inspector" : ""),
        each.paused ? emphasis::alert : emphasis::plain},
       subject{subject::kind::stage, index, {}, 0, each.name}});
}

void top_view::add_keys(std::vector<row>& to, size_t index,
                        const std::optional<subject>& only) const {
  std::vector<const key_state*> all;
  for (auto& each : seen_.sources[index].keys) {
    auto in_it = !only
                 || (only->what == subject::kind::stage
                       ? each.oldest.stage == only->stage
                       : each.topic == only->topic && each.partition == only->partition);
    if (in_it)
      all.push_back(&each);
  }
  std::ranges::stable_sort(all, [this](auto* a, auto* b) {
    switch (order_) {
      case order::in_flight:
        return a->jobs > b->jobs;
      case order::name:
        return a->oldest.key < b->oldest.key;
      default:
        return a->oldest.age > b->oldest.age;
    }
  });
  auto line = [](std::string age, std::string key, std::string stage, std::string place,
                 std::string offset, std::string jobs, std::string waits_for) {
    return table_line({{std::move(age), 10},
                       {std::move(key), 20, true},
                       {std::move(stage), 16, true},
                       {std::move(place), 16, true},
                       {std::move(offset), 12},
                       {std::move(jobs), 5},
                       {std::move(waits_for), 0, true}});
  };
  if (all.empty()) {
    to.push_back({{"  no keys in flight", emphasis::quiet}, {}});
    return;
  }
  to.push_back({{line("age", "key in flight", "stage", "partition", "offset", "jobs", "waits for"),
                 emphasis::quiet},
                {}});
  for (auto* each : all) {
    auto& ev = each->oldest;
    to.push_back({{line(shown_time(ev.age), key_text(ev), ev.stage.empty() ? "-" : ev.stage,
                        place_text(*each), ev.offset >= 0 ? std::to_string(ev.offset) : "-",
                        with_commas(each->jobs), ev.waits_for),
                   ev.age >= standing_after ? emphasis::alert : emphasis::plain},
                  about(*each, index)});
  }
}

top_view::subject top_view::about(const key_state& key, size_t source) {
  return {subject::kind::key,
          source,
          key.topic,
          key.partition,
          key.oldest.stage,
          key.oldest.key,
          key.oldest.key ? -1 : key.oldest.offset};
}

// -- rates ----------------------------------------------------------------------------------------

namespace {

int64_t per_second(int64_t more, std::chrono::steady_clock::duration in) {
  auto ms = std::chrono::duration_cast<milliseconds>(in).count();
  return ms <= 0 ? 0 : std::max<int64_t>(more, 0) * 1000 / ms;
}

/// 0 after the process was started anew.
uint64_t grown(uint64_t before, uint64_t now) {
  return now > before ? now - before : 0;
}

} // namespace

std::optional<top_view::rate> top_view::rate_of(size_t source) const {
  if (source >= before_.sources.size() || before_.process != seen_.process
      || seen_at_ == before_at_)
    return std::nullopt;
  auto& then = before_.sources[source];
  auto& now = seen_.sources[source];
  auto of = [this](uint64_t a, uint64_t b) {
    return static_cast<uint64_t>(
      per_second(static_cast<int64_t>(grown(a, b)), seen_at_ - before_at_));
  };
  return rate{of(then.records, now.records), of(then.out, now.out)};
}

std::optional<int64_t> top_view::rate_of(size_t source, const partition_state& of) const {
  if (source >= before_.sources.size() || before_.process != seen_.process
      || seen_at_ == before_at_)
    return std::nullopt;
  for (auto& each : before_.sources[source].partitions)
    if (each.topic == of.topic && each.partition == of.partition)
      return per_second(of.position - each.position, seen_at_ - before_at_);
  return std::nullopt;
}

std::vector<std::string> picture(const std::string& place, const system_state& seen) {
  constexpr size_t whole = SIZE_MAX / 2;
  top_view view{place};
  view.show(seen, {});
  std::vector<std::string> result;
  for (auto& each : view.lines(whole, whole))
    result.push_back(std::move(each.text));
  return result;
}

} // namespace keyloom::tools
