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

topic_reader::topic_reader(cluster_access& access, std::string topic)
  : access_(access), topic_(std::move(topic)) {
  // nop
}

caf::error topic_reader::find_range() {
  auto found = access_.cluster().query_watermarks(topic_, access_.timeout());
  if (!found)
    return std::move(found.error());
  spans_.clear();
  for (size_t i = 0; i < found->size(); ++i)
    spans_.push_back({{topic_, static_cast<int32_t>(i)}, (*found)[i].low, (*found)[i].high});
  std::erase_if(spans_, [](const auto& x) { return x.next >= x.end; });
  return {};
}

uint64_t topic_reader::size() const {
  return std::accumulate(spans_.begin(), spans_.end(), uint64_t{0}, [](auto sum, const auto& x) {
    return sum + static_cast<uint64_t>(x.end - x.next);
  });
}

caf::error topic_reader::read(const visitor& visit) {
  if (spans_.empty())
    return {};
  if (auto err = start())
    return err;
  auto last_progress = clock::now();
  while (!spans_.empty()) {
    auto moved = false;
    for (auto& from : spans_)
      moved = drain(from, visit) || moved;
    std::erase_if(spans_, [](const auto& x) { return x.next >= x.end; });
    if (moved) {
      last_progress = clock::now();
      continue;
    }
    if (auto err = look_for_problems())
      return err;
    if (clock::now() - last_progress > access_.timeout())
      return stalled();
  }
  consumer_.reset();
  return {};
}

caf::error topic_reader::start() {
  kafka::consumer::config cfg;
  cfg.brokers = access_.brokers();
  cfg.group = random_group();
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

// Records behind the end came after the start and are not ours to judge.
bool topic_reader::drain(span_to_read& from, const visitor& visit) {
  auto batch = consumer_->drain(from.where, records_at_once, bytes_at_once);
  if (!batch)
    return false;
  for (const auto& rec : batch->records())
    if (rec.offset < from.end)
      visit(rec);
  auto moved = batch->next_offset() > from.next;
  from.next = std::max(from.next, batch->next_offset());
  return moved;
}

caf::error topic_reader::look_for_problems() {
  auto event = consumer_->next_event(idle_wait);
  if (!event)
    return {};
  if (auto* failed = std::get_if<kafka::partition_failed>(&*event))
    return std::move(failed->error);
  if (auto* problem = std::get_if<kafka::client_error>(&*event)) {
    if (problem->fatal)
      return std::move(problem->error);
    last_problem_ = std::move(problem->error);
  }
  return {};
}

caf::error topic_reader::stalled() const {
  if (last_problem_)
    return last_problem_;
  const auto& from = spans_.front();
  return caf::make_error(errc::kafka_failed,
                         "nothing more came from " + topic_ + "/"
                           + std::to_string(from.where.partition) + " behind offset "
                           + std::to_string(from.next) + " of " + std::to_string(from.end)
                           + ": a transaction may be open; try again when it has ended, or raise "
                             "--timeout");
}

} // namespace keyloom::tools
