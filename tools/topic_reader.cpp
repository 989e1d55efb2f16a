#include "tools/topic_reader.hpp"

#include <keyloom/errc.hpp>

#include <algorithm>
#include <numeric>
#include <random>

namespace keyloom::tools {

namespace {

constexpr size_t records_at_once = 2000;
constexpr size_t bytes_at_once = 4 << 20;

// How soon an idle reader looks again: records do not wake it, because nobody waits for its answer.
constexpr std::chrono::milliseconds idle_wait{2};

// Nobody joins this group; a consumer must have a name for one.
std::string random_group() {
  std::random_device chance;
  return "keyloom-verify-" + std::to_string(chance()) + "-" + std::to_string(chance());
}

} // namespace

topic_reader::topic_reader(cluster_access& access, std::string topic, std::string group)
  : access_(access), topic_(std::move(topic)), group_(std::move(group)) {
  // nop
}

caf::error topic_reader::find_range() {
  auto found = access_.cluster().query_watermarks(topic_, access_.timeout());
  if (!found)
    return std::move(found.error());
  spans_.clear();
  for (size_t i = 0; i < found->size(); ++i)
    spans_.push_back({{topic_, static_cast<int32_t>(i)}, (*found)[i].low, (*found)[i].high});
  if (!group_.empty()) {
    auto committed = access_.cluster().group_offsets(group_, topic_, access_.timeout());
    if (!committed)
      return std::move(committed.error());
    for (const auto& each : *committed)
      if (auto index = static_cast<size_t>(each.where.partition); index < spans_.size())
        spans_[index].next = std::max(spans_[index].next, each.offset);
  }
  std::erase_if(spans_, [](const auto& x) { return x.next >= x.end; });
  return {};
}

uint64_t topic_reader::size() const {
  return std::accumulate(spans_.begin(), spans_.end(), uint64_t{0}, [](auto sum, const auto& x) {
    return sum + static_cast<uint64_t>(std::max<int64_t>(x.end - x.next, 0));
  });
}

caf::error topic_reader::read(const visitor& visit) {
  for (;;) {
    auto rec = next();
    if (!rec)
      return std::move(rec.error());
    if (*rec == nullptr)
      break;
    visit(**rec);
  }
  consumer_.reset();
  return {};
}

caf::expected<const record*> topic_reader::next() {
  if (size() == 0)
    return nullptr;
  if (consumer_ == nullptr)
    if (auto err = start())
      return err;
  for (;;) {
    if (const auto* rec = take(); rec != nullptr || size() == 0)
      return rec;
    if (auto err = wait_for_records())
      return err;
  }
}

/// The next record of the batch; null when it has no more, and the span is moved on then. Records
/// behind the end came after the start and are not ours to judge.
const record* topic_reader::take() {
  if (batch_ == nullptr)
    return nullptr;
  auto& from = spans_[turn_];
  if (index_ < batch_->records().size() && batch_->records()[index_].offset < from.end) {
    const auto& rec = batch_->records()[index_++];
    from.next = rec.offset + 1;
    return &rec;
  }
  from.next = std::max(from.next, batch_->next_offset());
  batch_ = nullptr;
  turn_ = (turn_ + 1) % spans_.size();
  return nullptr;
}

/// Fetches a batch, or moves a position on.
caf::error topic_reader::wait_for_records() {
  auto since = clock::now();
  for (;;) {
    for (size_t tries = 0; tries < spans_.size(); ++tries, turn_ = (turn_ + 1) % spans_.size())
      if (spans_[turn_].next < spans_[turn_].end && drain(spans_[turn_]))
        return {};
    if (auto event = consumer_->next_event(idle_wait))
      if (auto err = look_at(*event))
        return err;
    if (clock::now() - since > access_.timeout())
      return stalled();
  }
}

caf::error topic_reader::commit() {
  if (consumer_ == nullptr)
    return {};
  std::vector<kafka::partition_offset> reached;
  for (const auto& from : spans_)
    reached.push_back({from.where, from.next});
  if (auto err = consumer_->commit_async(reached))
    return err;
  for (auto since = clock::now(); clock::now() - since < access_.timeout();) {
    auto event = consumer_->next_event(idle_wait);
    if (!event)
      continue;
    if (auto* answer = std::get_if<kafka::offsets_committed>(&*event))
      return std::move(answer->error);
    if (auto err = look_at(*event))
      return err;
  }
  return caf::make_error(errc::commit_failed, "the commit of group " + group_ + " on " + topic_
                                                + " was not answered; try again when the broker is "
                                                  "there, or raise --timeout");
}

caf::error topic_reader::start() {
  kafka::consumer::config cfg;
  cfg.brokers = access_.brokers();
  cfg.group = group_.empty() ? random_group() : group_;
  cfg.log = cluster_access::log;
  cfg.kafka = access_.kafka();
  cfg.kafka["isolation.level"] = "read_committed";
  auto made = kafka::consumer::make(std::move(cfg));
  if (!made)
    return std::move(made.error());
  consumer_ = std::move(*made);
  std::vector<kafka::partition_offset> starts;
  for (const auto& from : spans_)
    starts.push_back({from.where, from.next});
  return consumer_->assign(starts);
}

bool topic_reader::drain(span_to_read& from) {
  batch_ = consumer_->drain(from.where, records_at_once, bytes_at_once);
  index_ = 0;
  return batch_ != nullptr;
}

caf::error topic_reader::look_at(kafka::consumer_event& event) {
  if (auto* failed = std::get_if<kafka::partition_failed>(&event))
    return std::move(failed->error);
  if (auto* problem = std::get_if<kafka::client_error>(&event)) {
    if (problem->fatal)
      return std::move(problem->error);
    last_problem_ = std::move(problem->error);
  }
  return {};
}

caf::error topic_reader::stalled() const {
  if (last_problem_)
    return last_problem_;
  const auto& from = *std::find_if(spans_.begin(), spans_.end(),
                                   [](const auto& x) { return x.next < x.end; });
  return caf::make_error(errc::kafka_failed,
                         "nothing more came from " + topic_ + "/"
                           + std::to_string(from.where.partition) + " behind offset "
                           + std::to_string(from.next) + " of " + std::to_string(from.end)
                           + ": a transaction may be open; try again when it has ended, or raise "
                             "--timeout");
}

} // namespace keyloom::tools
