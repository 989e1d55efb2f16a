// What a partition does for exactly once beside its common life: its store comes from the change
// log, and what the output gate lets go is out when its transaction is committed.
#include "runtime/core/partition.hpp"

namespace keyloom::core {

namespace {

/// A store with more entries shows no digest: that looks at all of them.
constexpr uint64_t most_digested = 10'000;

/// From one digest to the next: no less, and so many times what the last one took.
constexpr std::chrono::seconds digest_interval{1};
constexpr int digest_share = 1000;

std::optional<uint64_t> key_hash_of(const record& rec) {
  return rec.has_key() ? std::optional{rec.key_hash} : std::nullopt;
}

} // namespace

void partition::begin_restore() {
  set_state(lifecycle::restoring);
  meter_.restore_began = out_.clock.now().time_since_epoch().count();
  if (!make_store())
    return;
  auto reason = store_->begin_restore();
  if (!store_->restorable())
    reason = caf::make_error(errc::bad_config,
                             "a source with a change log needs a store with apply(const "
                             "keyloom::change&), which this one has not");
  if (reason)
    stop(std::move(reason));
}

void partition::restore(const record_batch& entries) {
  if (state_ != lifecycle::restoring)
    return;
  std::string room;
  for (auto& rec : entries.records()) {
    change what{rec.key, std::nullopt, rec.type().value_or(std::string_view{}),
                without_type(rec.headers, room)};
    if (rec.has_value())
      what.value = rec.value;
    if (auto reason = store_->apply(what)) {
      stop(caf::make_error(errc::store_damaged,
                           "topic " + topic_ + ", partition " + std::to_string(number_)
                             + ": the store does not take the entry at offset "
                             + std::to_string(rec.offset) + " of its change log "
                             + common_.source->config.change_log + ": " + describe(reason)));
      return;
    }
  }
  meter_.restored_entries += entries.records().size();
  meter_.restored_bytes += entries.bytes();
  meter_.restored_up_to = entries.next_offset();
}

void partition::restored() {
  if (state_ != lifecycle::restoring)
    return;
  now_ = out_.clock.now();
  meter_.restore_ended = now_.time_since_epoch().count();
  next_digest_ = {}; // not that of a store that was half restored
  if (auto reason = store_->restored())
    stop(std::move(reason));
  else
    show_store();
}

/// For `state()`, which must not touch the store itself (I4).
void partition::show_store() {
  auto size = store_->size();
  if (size)
    meter_.store_size.store(static_cast<int64_t>(*size), std::memory_order_relaxed);
  if (size.value_or(0) > most_digested) {
    meter_.has_store_digest = false;
    return;
  }
  if (now_ < next_digest_)
    return;
  auto digest = store_->digest();
  if (digest)
    meter_.store_digest = *digest;
  meter_.has_store_digest = digest.has_value();
  auto end = out_.clock.now();
  next_digest_ = end
                 + std::max<steady_time::duration>(digest_interval, (end - now_) * digest_share);
}

void partition::pass_over(const backlog_batch& from) {
  auto& records = from.batch->records();
  for (auto i = from.next - from.passed; from.passed > 0 && i < from.next; ++i)
    exact_->pass_over(records[i].offset);
}

const output_gate::transaction* partition::next_transaction(bool bare) {
  if (!exact_ || stopped() || given_up())
    return nullptr;
  now_ = out_.clock.now();
  const auto* result = exact_->next(bare);
  settle();
  return result;
}

void partition::committed(uint64_t number) {
  if (given_up())
    return;
  now_ = out_.clock.now();
  const auto* which = exact_->oldest_sent();
  if (which == nullptr || which->number != number)
    return;
  constexpr size_t ahead = 4;
  auto& events = which->events;
  for (size_t i = 0; i < events.size(); ++i) {
    if (i + ahead < events.size() && events[i + ahead].whole != nullptr)
      prefetch(events[i + ahead].whole, sizeof(event));
    out(events[i]);
  }
  for (auto* changes : which->changes)
    store_turns_->recycle(*changes);
  exact_->committed(number);
  take_backlog_in();
  settle();
}

/// To the output gate, unless it was before: when its handler has to wait or may use a store,
/// before that is called; otherwise right behind it, when it did not complete the event.
void partition::admit(event& ev) {
  if (!exact_ || ev.held != nullptr)
    return;
  auto& rec = ev.record();
  ev.held = &exact_->admit(ev, rec.offset, key_hash_of(rec));
}

/// It may leave once what it needs may. If nobody will need it, its record's place and its outputs
/// are mostly all that is needed of it then.
void partition::leave(event& ev) {
  auto& rec = ev.record();
  auto* left = ev.held != nullptr ? exact_->complete(*ev.held)
                                  : exact_->pass(ev, rec.offset, key_hash_of(rec));
  if (left == nullptr)
    return;
  ev.held = nullptr;
  if (!departure::can_replace(ev) || meter_.traced.load(std::memory_order_relaxed))
    return;
  *left = departure::of(ev);
  ev.packed = {};
  memory_->recycle(ev);
}

void partition::out(const departure& what) {
  if (what.whole != nullptr) {
    out(*what.whole);
    return;
  }
  held_outputs_ -= what.output_bytes;
  bytes_out_count_ += what.payload_bytes;
  what.packed.for_each([this](auto&) { ++forwarded_count_; });
  auto outputs = what.packed;
  memory_->arena().release(outputs);
  tracker_.out(*what.home, what.index);
  ++out_count_;
}

/// Whether the event of this record may leave, or is in a transaction.
bool partition::departs(const tracker::open_batch& home, uint32_t index) const {
  auto result = false;
  if (exact_)
    exact_->each_departure([&](const departure& each) {
      result = each.whole == nullptr && each.home == &home && each.index == index;
      return !result;
    });
  return result;
}

void partition::refused(const caf::error& reason) {
  nothing_commits_ = true;
  stop(caf::make_error(errc::produce_failed,
                       "topic " + topic_ + ", partition " + std::to_string(number_)
                         + ": a record of its transaction was refused: " + describe(reason)
                         + "; nothing of the transaction is in, its events will come again"));
}

} // namespace keyloom::core
