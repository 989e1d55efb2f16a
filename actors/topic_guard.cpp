#include "actors/topic_guard.hpp"

#include "actors/partition_names.hpp"

#include <keyloom/errc.hpp>

namespace keyloom::actors {

namespace {

/// How long a question to the cluster may take.
constexpr std::chrono::seconds patience{5};

constexpr auto what_happened = " was deleted and created anew while it was read";

kafka::partition_failed failure_of(const kafka::topic_partition& where) {
  return {where,
          caf::make_error(errc::offset_out_of_range,
                          "cannot read " + name_of(where) + ": topic " + where.topic + what_happened
                            + "; start again with on-gap = continue to read the new one from "
                              "its earliest record, or set the group's offset by hand")};
}

} // namespace

void topic_guard::follow(const kafka::topic_partition& where,
                         const std::optional<core::topic_id>& topic) {
  watch_.add(where, topic);
}

void topic_guard::forget(const kafka::topic_partition& where) {
  watch_.remove(where);
  failures_.erase(where);
}

caf::error topic_guard::given_back(const std::vector<kafka::topic_partition>& partitions) {
  if (leaving_.empty())
    return {};
  for (auto& where : partitions)
    leaving_.erase(where);
  return leaving_.empty() && !stopped_ ? consumer_.subscribe(subscription_) : caf::error{};
}

void topic_guard::stop() {
  stopped_ = true;
}

void topic_guard::look() {
  if (stopped_)
    return;
  if (auto topics = watch_.due(std::chrono::steady_clock::now()); !topics.empty())
    consumer_.identify(topics, patience);
}

bool topic_guard::hold(const kafka::partition_failed& news) {
  if (stopped_ || !watch_.suspect(news.where))
    return false;
  failures_.insert_or_assign(news.where, news.error);
  return true;
}

std::vector<kafka::partition_failed> topic_guard::learn(const kafka::topics_identified& news) {
  auto found = watch_.answered(news.ids);
  std::vector<kafka::partition_failed> result;
  for (auto& where : found.as_before)
    if (auto failure = failures_.extract(where))
      result.push_back({where, std::move(failure.mapped())});
  for (auto& where : found.recreated)
    failures_.erase(where);
  if (on_gap_ == gap_action::go_on)
    begin_anew(found.recreated);
  else
    std::transform(found.recreated.begin(), found.recreated.end(), std::back_inserter(result),
                   failure_of);
  return result;
}

/// A client has no other way to have one of its partitions given anew.
void topic_guard::begin_anew(const std::vector<kafka::topic_partition>& partitions) {
  if (partitions.empty() || stopped_)
    return;
  log_.warning(log::component::poller,
               "the topic of " + names_of(partitions) + what_happened
                 + "; joining the group again to read the new one (on-gap = continue)");
  auto already = !leaving_.empty();
  leaving_.insert(partitions.begin(), partitions.end());
  if (already)
    return;
  if (auto err = consumer_.unsubscribe())
    log_.error(log::component::poller,
               describe(err)); // of a client that is broken or ending, and the source with it
}

} // namespace keyloom::actors
