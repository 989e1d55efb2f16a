#include "actors/stall_reporter.hpp"

#include "actors/partition_names.hpp"

#include <algorithm>

namespace keyloom::actors {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// A partition that has not answered by then is inside of the user's code.
constexpr milliseconds answer_timeout{1000};

std::string rounded(milliseconds time) {
  constexpr milliseconds short_time{10'000};
  return time < short_time ? std::to_string(time.count()) + " ms"
                           : std::to_string(time.count() / 1000) + " s";
}

std::string at(int64_t offset) {
  return "offset " + std::to_string(std::max<int64_t>(offset, 0));
}

} // namespace

stall_reporter::stall_reporter(caf::event_based_actor* self, services* shared, source_board* board)
  : self_(self), shared_(shared), board_(board), warning_(shared->source->config.stall_warning) {
  // nop
}

void stall_reporter::add(const kafka::topic_partition& where, caf::actor partition,
                         std::shared_ptr<core::partition_meter> meter) {
  core::stall_watch watch{warning_, steady_clock::now()};
  watched_.insert_or_assign(where, watched{watch, watch, std::move(partition), std::move(meter),
                                           false, false});
}

void stall_reporter::opened(const kafka::topic_partition& where) {
  if (auto it = watched_.find(where); it != watched_.end())
    it->second.opened = true;
}

void stall_reporter::look() {
  auto now = steady_clock::now();
  for (auto& [where, what] : watched_) {
    auto oldest = what.meter->committable.load(std::memory_order_acquire);
    auto waits_for_broker = what.opened && !what.meter->heard;
    auto busy = !what.opened || waits_for_broker || what.meter->in_flight > 0;
    switch (what.watch.look(oldest, busy, now)) {
      case core::stall_watch::verdict::nothing:
        break;
      case core::stall_watch::verdict::moved:
        moved(where, what, what.watch.stood());
        break;
      case core::stall_watch::verdict::stands_still:
        if (waits_for_broker)
          tell(where, what.meter.get(),
               at(oldest)
                 + ", waits for the broker to answer a fetch, which it has not done since "
                   "the partition was assigned",
               what.watch.stood());
        else if (what.opened)
          ask(where, what);
        else
          tell(where, what.meter.get(),
               at(oldest)
                 + (what.meter->state == lifecycle::restoring
                      ? ", waits for its store, which is being restored"
                      : ", waits for calls that still run from before it was revoked"),
               what.watch.stood());
    }
    look_at_interjections(where, what, now);
  }
}

/// One that hangs need not hold a record up.
void stall_reporter::look_at_interjections(const kafka::topic_partition& where, watched& what,
                                           core::steady_time now) {
  auto since = what.meter->interjecting_since.load();
  switch (what.interjections.look(since, since != 0, now)) {
    case core::stall_watch::verdict::nothing:
      break;
    case core::stall_watch::verdict::moved:
      moved(where, what, what.interjections.stood());
      break;
    case core::stall_watch::verdict::stands_still:
      ask_for_interjection(where, what);
  }
}

void stall_reporter::ask(const kafka::topic_partition& where, const watched& what) {
  self_->request(what.partition, answer_timeout, stall_atom_v)
    .then(
      [this, where, meter = what.meter,
       stood = what.watch.stood()](const partition_stands& answer) {
        if (answer.oldest)
          tell(where, meter.get(), to_string(*answer.oldest), stood);
      },
      [this, where, meter = what.meter, stood = what.watch.stood()](const caf::error&) {
        tell(where, meter.get(),
             at(meter->committable) + " or later, waits for a handler or finalizer to return",
             stood);
      });
}

/// A partition that does not answer is inside of some turn, which `ask` tells when it is a
/// record's.
void stall_reporter::ask_for_interjection(const kafka::topic_partition& where,
                                          const watched& what) {
  self_->request(what.partition, answer_timeout, stall_atom_v)
    .then(
      [this, where, meter = what.meter,
       stood = what.interjections.stood()](const partition_stands& answer) {
        if (answer.interjection)
          tell(where, meter.get(), to_string(*answer.interjection), stood);
      },
      [this, where, meter = what.meter, stood = what.interjections.stood()](const caf::error&) {
        tell(where, meter.get(), "an interjection, waits for its handler or a finalizer to return",
             stood);
      });
}

/// `meter` tells assignments apart: the answer may come when the partition is another's.
void stall_reporter::tell(const kafka::topic_partition& where, const core::partition_meter* meter,
                          const std::string& why, milliseconds stood) {
  auto it = watched_.find(where);
  if (it == watched_.end() || it->second.meter.get() != meter)
    return;
  it->second.told = true;
  board_->stands(where, why);
  shared_->log->warning(log::component::partition, "partition " + name_of(where)
                                                     + " has stood still for " + rounded(stood)
                                                     + ": " + why);
}

void stall_reporter::moved(const kafka::topic_partition& where, watched& what, milliseconds stood) {
  if (!std::exchange(what.told, false))
    return;
  board_->stands(where, {});
  shared_->log->info(log::component::partition, "partition " + name_of(where)
                                                  + " moves again, after it stood still for "
                                                  + rounded(stood));
}

} // namespace keyloom::actors
