// How the partition runs turns: calls the user's code, and keeps or undoes what it did.
#include "runtime/core/partition.hpp"
#include "runtime/core/shown_key.hpp"

#include <keyloom/store/change.hpp>

#include <algorithm>

namespace keyloom::core {

namespace {

/// Key, value and headers.
size_t payload_of(const outgoing_record& rec) {
  auto result = rec.type.size();
  result += rec.key ? rec.key->size() : 0;
  result += rec.value ? rec.value->size() : 0;
  for (auto& each : rec.headers)
    result += each.name.size() + (each.value ? each.value->size() : 0);
  return result;
}

} // namespace

void partition::begin_turn(event& ev) {
  current_ = &ev;
  store_damaged_ = false;
  if (store_turns_)
    store_turns_->begin();
}

void* partition::store() {
  if (!store_turns_)
    return nullptr;
  store_turns_->touch();
  return store_->object();
}

void* partition::store_to_change() {
  return store_ ? store_->object() : nullptr;
}

void partition::unrecorded_change() {
  if (has_log())
    throw std::logic_error{"record_change was given a change without a key and bytes, which the "
                           "change log needs: give it a keyloom::change"};
  store_turns_->damage();
}

void partition::handle(event& ev) {
  begin_turn(ev);
  ++ev.tried.made;
  end_turn(ev, call_handler(ev.record()), nullptr);
}

outcome partition::call_handler(const record& rec) try {
  auto& source = *common_.source;
  if (!source.routes.empty() || source.untyped) {
    auto type = rec.type();
    if (!type && source.untyped)
      return source.untyped(*this, rec);
    if (type)
      for (auto& route : source.routes)
        if (route.type == *type)
          return route.handler(*this, rec);
  }
  if (source.fallback)
    return source.fallback(*this, rec);
  auto type = rec.type();
  return outcome{errc::no_handler,
                 (type ? "no handler for type '" + std::string{*type} + "'"
                       : std::string{"no handler for records without a header 'type'"})
                   + "; add one with on(), or on_default()"};
} catch (const std::exception& ex) {
  return outcome{errc::handler_failed, std::string{"the handler threw: "} + ex.what()};
} catch (...) {
  return outcome{errc::handler_failed, "the handler threw something that is no std::exception"};
}

outcome partition::call_finalizer(detail::job& j) try {
  if (j.stage != detail::job::no_stage)
    return common_.source->stages[j.stage]->finalize(*this, j);
  auto& by_hand = static_cast<completable_job&>(j);
  return by_hand.failure ? outcome{std::move(by_hand.failure)} : by_hand.finish(*this);
} catch (const std::exception& ex) {
  return outcome{errc::finalizer_failed, std::string{"the finalizer threw: "} + ex.what()};
} catch (...) {
  return outcome{errc::finalizer_failed, "the finalizer threw something that is no std::exception"};
}

/// One that is not submitted before the next is asked for could not be filled: moving the user's
/// job threw.
detail::job& partition::blank_job(uint32_t stage) {
  if (blank_ != nullptr)
    memory_->recycle(*blank_);
  blank_ = &memory_->make_job(stage);
  return *blank_;
}

/// Packed at once, unless something of its event before it is not.
void partition::forward(const record& rec, std::string_view topic) {
  output_view output{topic, rec.key, rec.value};
  auto packs = exact_ && turn_outputs_.empty() && current_->outputs.empty()
               && output_arena::packs(rec)
               && current_->record().headers.empty(); // which may name a trace
  if (packs) {
    memory_->arena().pack(output, turn_packed_);
    return;
  }
  auto copy = output.copy();
  copy.headers = decode_headers(rec.headers);
  forward(std::move(copy));
}

outcome partition::submit(detail::job& filled) {
  blank_ = nullptr;
  turn_jobs_.append(filled);
  return incomplete;
}

job_completion partition::job_complete(std::function<outcome(detail::turn&)> finalizer) {
  auto& j = memory_->make_completable(std::move(finalizer));
  turn_completables_.push_back(&j);
  return job_completion{j.way_back};
}

void partition::finalize(detail::job& j) {
  if (j.origin == nullptr) { // done by hand while its turn failed
    memory_->recycle(j);
    return;
  }
  auto& ev = *j.origin;
  --ev.open_jobs;
  --open_jobs_;
  held_items_ -= j.held_bytes;
  if (j.timed_out)
    common_.stages[j.stage].timed_out.fetch_add(1, std::memory_order_relaxed);
  auto ended = stopped() || ev.failed;
  auto result = keyloom::complete;
  if (!ended) {
    begin_turn(ev);
    result = call_finalizer(j);
  }
  run passes;
  if (j.stage != detail::job::no_stage)
    stages_[j.stage].done(j, passes);
  if (!ended)
    end_turn(ev, std::move(result), &j);
  else if (!stopped() && ev.open_jobs == 0)
    complete(ev);
  memory_->recycle(j);
  while (auto* pass = passes.take())
    end_pass(*pass);
}

void partition::end_pass(detail::job& pass) {
  auto& ev = *pass.origin;
  --ev.open_jobs;
  --open_jobs_;
  memory_->recycle(pass);
  if (!stopped() && ev.open_jobs == 0)
    complete(ev);
}

void partition::end_turn(event& ev, outcome result, const detail::job* j) {
  if (result.is_incomplete() && ev.open_jobs == 0 && turn_jobs_.empty()
      && turn_completables_.empty())
    result = outcome{errc::nothing_pending,
                     "the turn returned incomplete, but no job is pending that could complete "
                     "the event; return complete, or what schedule() returned"};
  detail::job* behind_parked = nullptr;
  if (result.is_failed()) {
    undo_turn();
    if (j == nullptr && call_again_later(ev, result.error()))
      return;
  } else {
    behind_parked = keep_turn(ev);
  }
  auto was_parked = j == nullptr && ev.tried.made > 1;
  if (was_parked)
    gate_.resume(ev, now_, permits_);
  if (result.is_failed())
    fail(ev, j, result.error());
  else if (ev.open_jobs == 0)
    complete(ev);
  else
    hold(ev);
  if (behind_parked != nullptr)
    stands(*behind_parked);
  if (was_parked)
    go_on();
}

void partition::hold(event& ev) {
  gate_.hold(ev, now_);
  admit(ev);
}

/// Returns a job of the turn that waits behind one that is called again, when there is one.
detail::job* partition::keep_turn(event& ev) {
  if (!turn_outputs_.empty())
    carry_trace(ev);
  if (store_turns_)
    keep_changes(ev);
  if (!turn_packed_.empty())
    keep_packed(ev);
  if (!turn_outputs_.empty())
    keep_outputs(ev);
  if (!turn_jobs_.empty() || !turn_completables_.empty())
    ev.keep_batch(); // for views into it, which others may still use when this partition is gone
  detail::job* behind_parked = nullptr;
  while (auto* j = turn_jobs_.take()) {
    auto& stage = stages_[j->stage];
    if (j->pass && !stage.add_pass(*j)) {
      memory_->recycle(*j);
      continue;
    }
    if (!j->pass)
      stage.add(*j, memory_);
    j->origin = &ev;
    held_items_ += j->held_bytes;
    ++ev.open_jobs;
    ++open_jobs_;
    if (!j->pass && stage.parked_at(*j))
      behind_parked = j;
  }
  for (auto* j : turn_completables_) {
    j->origin = &ev;
    ++ev.open_jobs;
    ++open_jobs_;
  }
  turn_completables_.clear();
  return behind_parked;
}

/// An output belongs to the trace of the record it was made from, unless it names another itself.
void partition::carry_trace(const event& ev) {
  auto& headers = ev.record().headers;
  auto parent = headers.empty() ? std::nullopt : headers.find(trace_parent_header);
  if (!parent)
    return;
  auto state = headers.find(trace_state_header);
  for (auto& rec : turn_outputs_) {
    if (std::ranges::find(rec.headers, trace_parent_header, &header::name) != rec.headers.end())
      continue;
    rec.headers.push_back({std::string{trace_parent_header}, std::string{*parent}});
    if (state)
      rec.headers.push_back({std::string{trace_state_header}, std::string{*state}});
  }
}

/// What the turn read and changed decides with whom its event leaves.
void partition::keep_changes(event& ev) {
  auto what = store_turns_->end();
  if (exact_) {
    exact_->turn(*ev.held, what);
  } else if (what.changes != nullptr) {
    if (has_log())
      log_changes(*what.changes);
    store_turns_->recycle(*what.changes);
  }
}

/// At least once: entries of the change log leave like outputs, before the turn's own.
void partition::log_changes(turn_changes& changes) {
  std::vector<outgoing_record> entries;
  for (size_t i = 0; i < changes.size(); ++i) {
    auto what = changes[i].what;
    auto& entry = entries.emplace_back(outgoing_record{.topic = common_.source->config.change_log,
                                                       .key = std::string{what.key},
                                                       .type = std::string{what.type},
                                                       .partition = number_});
    if (what.value)
      entry.value.emplace(*what.value);
    entry.headers = decode_headers(what.headers);
  }
  turn_outputs_.insert(turn_outputs_.begin(), std::make_move_iterator(entries.begin()),
                       std::make_move_iterator(entries.end()));
}

void partition::keep_packed(event& ev) {
  turn_packed_.for_each(
    [&](const packed_output& each) { charge(ev, each.payload(), sizeof each); });
  ev.packed.append(std::exchange(turn_packed_, {}));
}

void partition::charge(event& ev, size_t payload, size_t around) {
  auto bytes = static_cast<int64_t>(payload + around);
  ev.payload_bytes += payload;
  ev.output_bytes += bytes;
  held_outputs_ += bytes;
}

/// Adds the turn's outputs to the event's. They stay in memory until they are acknowledged.
void partition::keep_outputs(event& ev) {
  auto packs = exact_ && ev.outputs.empty()
               && std::all_of(turn_outputs_.begin(), turn_outputs_.end(), output_arena::takes);
  for (auto& rec : turn_outputs_) {
    auto around = packs ? sizeof(packed_output)
                        : sizeof rec + rec.topic.size() + rec.headers.size() * sizeof(header);
    charge(ev, payload_of(rec), around);
    if (packs)
      memory_->arena().pack(rec, ev.packed);
  }
  if (!packs && ev.outputs.empty())
    std::swap(ev.outputs, turn_outputs_);
  else if (!packs)
    std::move(turn_outputs_.begin(), turn_outputs_.end(), std::back_inserter(ev.outputs));
  turn_outputs_.clear();
}

void partition::undo_turn() {
  if (store_turns_)
    store_damaged_ = !store_turns_->undo();
  memory_->arena().release(turn_packed_);
  turn_outputs_.clear();
  while (auto* j = turn_jobs_.take())
    memory_->recycle(*j);
  for (auto* j : turn_completables_)
    if (j->way_back->cancel())
      memory_->recycle(*j);
  turn_completables_.clear();
}

caf::error partition::located(const event& ev, const detail::job* j,
                              const caf::error& reason) const {
  auto& rec = ev.record();
  auto text = "topic " + topic_ + ", partition " + std::to_string(number_);
  text += ev.interjected != nullptr ? ", interjection '" + ev.interjected->name() + "'"
                                    : ", offset " + std::to_string(rec.offset);
  if (j != nullptr && j->stage != detail::job::no_stage)
    text += ", key " + shown_key(j->key) + ", stage '" + common_.source->stages[j->stage]->name()
            + "'";
  else if (ev.interjected == nullptr)
    text += rec.has_key() ? ", key " + shown_key(rec.key) : std::string{", no key"};
  if (j != nullptr && j->stage == detail::job::no_stage)
    text += ", job_complete";
  auto code = j != nullptr ? errc::finalizer_failed : errc::handler_failed;
  if (reason.category() == caf::type_id_v<errc>)
    code = static_cast<errc>(reason.code());
  return caf::make_error(code, text + ": " + describe(reason));
}

} // namespace keyloom::core
