// The owners, and what events and their turns do.
#include "tests/unit/core/gate_world.hpp"

#include "tests/unit/core/gate_world_parts.hpp"

#include <algorithm>

namespace keyloom::test {

namespace {

constexpr int shared_cells = 2, cells_of_a_key = 2, keys = 2;

} // namespace

gate_world::gate_world(const gate_rules& rules, const gate_profile& profile, uint64_t seed,
                       size_t records)
  : rules_(rules), profile_(profile), seed_(seed), random_(seed), parts_(keys) {
  int64_t offset = 0;
  for (size_t i = 0; i < records; ++i, ++offset) {
    if (random_.chance(profile.holes)) // a control record, or compaction
      ++offset;
    auto key = random_.chance(profile.no_key) ? 0 : 1 + random_.below(keys);
    log_.push_back({offset, key, key == 0 ? parts_++ : static_cast<int>(key) - 1});
  }
  start();
}

gate_world::~gate_world() = default;

core::progress gate_world::committed() const {
  for (auto it = offsets_.rbegin(); it != offsets_.rend(); ++it)
    if ((*it)->state == attempt::fate::committed)
      return (*it)->reached;
  return {0, {}};
}

std::vector<int> gate_world::restored() const {
  std::vector<int> result(static_cast<size_t>(shared_cells + cells_of_a_key * parts_));
  for (auto& [of, entry] : changelog_)
    if (of->state == attempt::fate::committed && (rules_.restore_to_end || !of->lags))
      result[static_cast<size_t>(entry.first)] = entry.second;
  return result;
}

void gate_world::start() {
  ++owner_;
  store_ = restored();
  base_ = committed();
  auto known = rules_.inherit ? base_ : core::progress{base_.offset, {}};
  auto room = rules_.keep_map && rules_.cut_in_sets ? profile_.map_room : SIZE_MAX;
  gate_ = std::make_unique<core::output_gate>(
    core::output_gate::settings{rules_.order, rules_.scope, room}, known);
  model_ = std::make_unique<gate_model>(rules_.order, rules_.scope, known, profile_.map_room);
  position_ = 0;
  while (position_ < log_.size() && log_[position_].offset < base_.offset)
    ++position_;
  events_.clear();
  todo_.clear();
  for (auto& queue : queues_)
    queue.clear();
  open_.clear();
  numbered_.clear();
  held_back_.clear();
  last_turn_ = 0;
}

void gate_world::crash() {
  for (auto* each : open_) {
    auto decided = each == open_.front() && !offsets_.empty() && offsets_.back() == each;
    each->lags = decided && random_.chance(.5);
    each->state = each->lags ? attempt::fate::committed : attempt::fate::aborted;
  }
  check();
  start();
  for (auto& each : attempts_)
    each->lags = false;
}

std::string gate_world::run() {
  auto crashes = 0, aborts = 0;
  for (auto step = 0; step < 4000 && violation_.empty(); ++step) {
    auto dice = static_cast<double>(random_.below(1 << 20)) / (1 << 20);
    if (dice < profile_.crash && crashes < 3) {
      ++crashes;
      crash();
    } else if (dice < .02 && !open_.empty() && aborts < 5) {
      ++aborts;
      abort(random_.below(open_.size()));
    } else if (dice >= .02 && dice < .02 + profile_.interject && position_ < log_.size()) {
      interject();
    } else if (dice < .3 && position_ < log_.size()) {
      poll();
    } else if (!(dice < .5 && handle_next()) && !(dice < .7 && run_job())) {
      if (dice < .8 && open_.size() < 3)
        build();
      else if (!open_.empty())
        advance(random_.below(open_.size()));
      else if (position_ == log_.size() && !handle_next() && !run_job()) {
        build();
        if (open_.empty())
          break;
      }
    }
  }
  check(true);
  return violation_;
}

std::vector<gate_world::turn_plan> gate_world::plan(uint64_t ident, bool interjection) const {
  small_random random{seed_ * 0x51ed2701 + ident};
  constexpr uint64_t stages[] = {0, 1, 1, 2};
  auto last = stages[random.below(4)];
  auto some_write = [&] {
    constexpr op::kind kinds[] = {op::kind::write, op::kind::write, op::kind::write,
                                  op::kind::overwrite, op::kind::remove};
    return kinds[random.below(std::size(kinds))];
  };
  std::vector<turn_plan> result;
  for (uint64_t i = 0; i <= last; ++i) {
    auto late = i == last;
    auto& ops = result.emplace_back().ops;
    if (interjection && random.chance(.7))
      ops.push_back({op::kind::scan, 0});
    if (profile_.own && (late || random.chance(profile_.early)) && random.chance(.8))
      ops.push_back({random.chance(.5) ? op::kind::read : some_write(),
                     -1 - static_cast<int>(random.below(cells_of_a_key))});
    if (random.chance(profile_.shared_read))
      ops.push_back({op::kind::read, 0});
    if (random.chance(profile_.shared_write) && (late || random.chance(profile_.early)))
      ops.push_back({some_write(), static_cast<int>(random.below(shared_cells))});
    result.back().stage_key = random.below(3);
    result.back().output = late || random.chance(.3);
  }
  return result;
}

gate_world::sim_event& gate_world::make_event(int64_t offset, uint64_t key, int part,
                                              uint64_t ident) {
  auto& ev = *all_events_.emplace_back(std::make_unique<sim_event>());
  ev.offset = offset;
  ev.key = key;
  ev.part = part;
  ev.sequence = events_.size();
  ev.turns_to_come = plan(ident, offset < 0);
  events_.push_back(&ev);
  return ev;
}

void gate_world::poll() {
  auto [offset, key, part] = log_[position_++];
  auto& ev = make_event(offset, key, part, static_cast<uint64_t>(offset));
  auto was_out = [offset = offset](auto& run) { return run.begin <= offset && offset < run.end; };
  if (std::any_of(base_.beyond.begin(), base_.beyond.end(), was_out)) {
    ev.complete = ev.out = true;
    gate_->pass_over(offset);
    ev.model = model_->pass_over(offset);
  } else {
    auto known = rules_.complete_order && key != 0 ? std::optional{key} : std::nullopt;
    ev.model = model_->admit(offset, key);
    auto& turns = ev.turns_to_come;
    if (turns.size() == 1 && turns.front().ops.empty() && may_run(ev) && random_.chance(.7)) {
      pass(ev, known);
    } else {
      ev.held = &gate_->admit(ev.owner, offset, known);
      todo_.push_back(&ev);
    }
  }
  if (position_ < log_.size() && random_.chance(.3)) {
    gate_->moved_to(log_[position_].offset);
    model_->moved_to(log_[position_].offset);
  }
}

void gate_world::interject() {
  auto ident = (uint64_t{1} << 40) + static_cast<uint64_t>(owner_) * 1000 + events_.size();
  auto& ev = make_event(-1, 0, 0, ident); // it uses the first key's part
  ev.held = &gate_->admit_interjection(ev.owner);
  ev.model = model_->admit(-1, 0);
  turn(ev);
}

/// Its handler is called at once, completes it, and does nothing to the store.
void gate_world::pass(sim_event& ev, std::optional<uint64_t> key) {
  auto& done = *ev.turns.emplace_back(std::make_unique<sim_turn>());
  done.owner = owner_;
  done.number = ++last_turn_;
  model_->enter_turn(*ev.model, false, false);
  if (ev.turns_to_come.front().output)
    done.outputs.push_back(profile_.nondeterministic ? static_cast<int>(random_.below(1000)) : 0);
  ev.complete = ev.model->complete = true;
  gate_->pass(ev.owner, ev.offset, key);
}

bool gate_world::may_run(const sim_event& ev) const {
  auto limit = rules_.serial ? 1 : rules_.close_at;
  uint32_t held = 0, incomplete = 0;
  for (auto* each : events_)
    if (each->key != 0 && each->key == ev.key && !each->out && each->sequence < ev.sequence) {
      ++held;
      incomplete += !each->complete;
    }
  return limit == 0 || held < limit || incomplete == 0;
}

/// Calls the next handler that may run; false: there is none.
bool gate_world::handle_next() {
  auto it = std::find_if(todo_.begin(), todo_.end(), [this](auto* ev) { return may_run(*ev); });
  if (it == todo_.end())
    return false;
  auto* ev = *it;
  todo_.erase(it);
  turn(*ev);
  return true;
}

bool gate_world::run_job() {
  std::vector<size_t> busy;
  for (size_t i = 0; i < std::size(queues_); ++i)
    if (!queues_[i].empty())
      busy.push_back(i);
  if (busy.empty())
    return false;
  auto& queue = queues_[busy[random_.below(busy.size())]];
  auto* ev = queue.front();
  queue.erase(queue.begin());
  turn(*ev);
  return true;
}

int gate_world::cell_of(const sim_event& ev, int cell) const {
  if (cell >= 0)
    return cell;
  return shared_cells + ev.part * cells_of_a_key + (-1 - cell);
}

void gate_world::turn(sim_event& ev) {
  auto& what = ev.turns_to_come[ev.turns.size()];
  auto& done = *ev.turns.emplace_back(std::make_unique<sim_turn>());
  done.owner = owner_;
  done.number = ++last_turn_;
  auto acc = profile_.nondeterministic ? static_cast<int>(random_.below(1000)) : 0;
  if (random_.chance(profile_.fail))
    try_in_vain(ev, what.ops);
  auto writes = [](const op& each) {
    return each.what != op::kind::read && each.what != op::kind::scan;
  };
  model_->enter_turn(*ev.model, !what.ops.empty(),
                     std::any_of(what.ops.begin(), what.ops.end(), writes));
  for (auto& each : what.ops)
    do_op(ev, each, done, acc);
  if (what.output)
    done.outputs.push_back(acc);
  tell(ev, what.ops, done);
  if (ev.turns.size() < ev.turns_to_come.size()) {
    queues_[what.stage_key].push_back(&ev);
    return;
  }
  ev.complete = ev.model->complete = true;
  gate_->complete(*ev.held);
}

/// The turn throws after its changes; it will be called again.
void gate_world::try_in_vain(const sim_event& ev, const std::vector<op>& ops) {
  if (rules_.atomic_turns)
    return; // undone
  for (auto& each : ops)
    if (each.what == op::kind::write)
      ++store_[static_cast<size_t>(cell_of(ev, each.cell))];
}

void gate_world::do_op(sim_event& ev, const op& what, sim_turn& in, int& acc) {
  if (what.what == op::kind::scan) {
    for (size_t cell = 0; cell < store_.size(); ++cell) {
      in.reads.emplace_back(static_cast<int>(cell), store_[cell]);
      model_->read(*ev.model, static_cast<int>(cell));
      acc += store_[cell];
    }
    return;
  }
  auto cell = cell_of(ev, what.cell);
  auto& value = store_[static_cast<size_t>(cell)];
  if (what.what != op::kind::overwrite) {
    in.reads.emplace_back(cell, value);
    model_->read(*ev.model, cell);
    acc += value;
  }
  if (what.what == op::kind::read)
    return;
  model_->write(*ev.model, cell);
  value = what.what == op::kind::remove ? 0 : acc % 9973 + 1;
  in.writes.emplace_back(cell, value);
  acc = value;
  auto key = std::to_string(cell);
  if (value == 0)
    in.changes.add({key, std::nullopt});
  else
    in.changes.add({key, std::to_string(value)});
}

void gate_world::tell(sim_event& ev, const std::vector<op>& ops, sim_turn& done) {
  auto name_of = [](int cell) { return hash_of_store_key(std::to_string(cell)); };
  std::vector<uint64_t> reads, writes;
  core::output_gate::access what;
  for (auto& each : ops)
    if (each.what == op::kind::scan)
      what.scanned = true;
    else if (each.what != op::kind::overwrite)
      reads.push_back(name_of(cell_of(ev, each.cell)));
  for (auto& [cell, value] : done.writes)
    writes.push_back(name_of(cell));
  if (!rules_.tell_reads) {
    reads.clear();
    what.scanned = false;
  }
  if (!rules_.tell_writes || (!rules_.interjections_hold && ev.offset < 0))
    writes.clear();
  what.touched = !ops.empty();
  what.reads = reads;
  what.writes = writes;
  what.changes = done.changes.empty() ? nullptr : &done.changes;
  gate_->turn(*ev.held, what);
}

} // namespace keyloom::test
