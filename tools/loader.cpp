#include "tools/loader.hpp"

#include <keyloom/errc.hpp>

namespace keyloom::tools {

namespace {

using namespace std::chrono_literals;

// How soon a signal is noticed while nothing else happens.
constexpr auto moment = 100ms;

// Signal and terminal are looked at once in so many records.
constexpr uint64_t look_up = 1024;

// What a backlog is sent with, below the user's properties. Few records in the queue, because they
// stay in the processor's cache: with 500,000 of them each costs 1.6 times as much. At a rate,
// keyloom's own defaults stay: latency matters there.
const kafka::properties& backlog_defaults() {
  static const kafka::properties result{
    {"linger.ms", "20"},
    {"queue.buffering.max.messages", "20000"},
  };
  return result;
}

} // namespace

loader::loader(cluster_access& access, load_source& source, actors::stop_signal& stop,
               std::optional<double> rate, const std::string& what)
  : access_(access), source_(source), stop_(stop), rate_(rate), progress_(what) {
  // nop
}

caf::expected<loader::summary> loader::run(const std::string& topic) {
  if (auto err = start())
    return err;
  if (auto err = send_all(topic))
    return err;
  if (auto err = flush())
    return err;
  return sum_up();
}

caf::error loader::start() {
  auto properties = access_.kafka();
  if (!rate_)
    properties.insert(backlog_defaults().begin(), backlog_defaults().end());
  auto made = kafka::producer::make(
    {.brokers = access_.brokers(), .kafka = std::move(properties), .log = cluster_access::log},
    reports_);
  if (!made)
    return std::move(made.error());
  producer_ = std::move(*made);
  started_ = last_moved_ = clock::now();
  return {};
}

caf::error loader::send_all(const std::string& topic) {
  outgoing_record rec;
  rec.topic = topic;
  while (wait_for_turn()) {
    auto more = source_.next(rec);
    if (!more)
      return std::move(more.error());
    if (!*more)
      return {};
    if (auto err = send(rec))
      return err;
    ++sent_;
  }
  return {};
}

/// Waits until the next record is due; false when a signal came first.
bool loader::wait_for_turn() {
  if (sent_ % look_up == 0)
    progress_.update(sent_, source_.size());
  if (rate_) {
    std::chrono::duration<double> after{static_cast<double>(sent_) / *rate_};
    auto due = started_ + std::chrono::duration_cast<clock::duration>(after);
    while (clock::now() < due) {
      progress_.update(sent_, source_.size());
      if (stop_.wait_until(std::min(due, clock::now() + moment)))
        return false;
    }
  }
  return sent_ % look_up != 0 || !stop_.raised();
}

caf::error loader::send(const outgoing_record& rec) {
  for (auto was_empty = false;;) {
    auto answer = producer_->produce(rec, nullptr);
    if (answer.what == kafka::producer::verdict::accepted)
      return {};
    if (answer.what == kafka::producer::verdict::refused) {
      turn_down(std::move(answer.reason));
      return {};
    }
    if (stop_.raised())
      return {};
    auto is_empty = producer_->in_flight() == 0;
    if (is_empty && was_empty) {
      turn_down(caf::make_error(errc::produce_failed,
                                "a record is larger than the producer's whole queue; raise the "
                                "property queue.buffering.max.kbytes"));
      return {};
    }
    was_empty = is_empty;
    if (!is_empty)
      if (auto err = wait_for_reports())
        return err;
  }
}

// A broker that is slow is waited for; one that is gone is not.
caf::error loader::wait_for_reports() {
  auto reported = reports_.read().reported();
  auto now = clock::now();
  if (reported != last_reported_) {
    last_reported_ = reported;
    last_moved_ = now;
  }
  progress_.update(sent_, source_.size());
  reports_.wait_beyond(reported, moment);
  if (now - last_moved_ < access_.timeout())
    return {};
  last_moved_ = now;
  return access_.cluster().wait_until_reachable(access_.timeout());
}

caf::error loader::flush() {
  last_moved_ = clock::now();
  while (!producer_->flush(moment))
    if (auto err = wait_for_reports())
      return err;
  progress_.finish();
  return {};
}

void loader::turn_down(caf::error reason) {
  if (turned_down_++ == 0)
    first_turned_down_ = std::move(reason);
}

loader::summary loader::sum_up() const {
  auto totals = reports_.read();
  summary result;
  result.acknowledged = totals.acknowledged;
  result.errors = totals.refused + turned_down_;
  result.first_error = turned_down_ > 0 ? first_turned_down_ : totals.first_refusal;
  if (totals.reported() > 0)
    result.seconds = std::chrono::duration<double>(totals.last_report - started_).count();
  return result;
}

} // namespace keyloom::tools
