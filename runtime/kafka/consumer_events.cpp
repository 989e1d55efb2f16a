// What the client says, in keyloom's words: rebalances, answers to commits, problems, log lines.
#include "runtime/kafka/consumer_impl.hpp"
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"
#include "runtime/kafka/time.hpp"

namespace keyloom::kafka {

std::optional<consumer_event> consumer::impl::next_event(std::chrono::milliseconds timeout) {
  if (!found_while_draining.empty()) {
    auto result = std::move(found_while_draining.front());
    found_while_draining.pop_front();
    return result;
  }
  deadline until{timeout};
  for (;;) {
    event_handle event{rd_kafka_queue_poll(events.get(), until.left_ms())};
    if (!event)
      return std::nullopt;
    if (auto result = to_event(event.get()))
      return result;
  }
}

std::optional<consumer_event> consumer::impl::to_event(rd_kafka_event_t* event) {
  switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_REBALANCE:
      return rebalance(event);
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
      return commit_result(event);
    case RD_KAFKA_EVENT_ERROR:
      return problem(event);
    case RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT:
      return identified(event);
    case RD_KAFKA_EVENT_LOG:
      write_log(event);
      return std::nullopt;
    default:
      // Most likely records of a partition that was not opened; they would be lost in silence.
      return client_error{caf::make_error(errc::kafka_failed,
                                          std::string{"the client delivered an event that nobody "
                                                      "reads: "}
                                            + rd_kafka_event_name(event)),
                          true};
  }
}

consumer_event consumer::impl::rebalance(rd_kafka_event_t* event) {
  auto partitions = partitions_of(rd_kafka_event_topic_partition_list(event));
  asked_about = partitions;
  if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    asked = question::assign;
    return partitions_assigned{std::move(partitions)};
  }
  asked = question::unassign;
  return partitions_revoked{std::move(partitions), rd_kafka_assignment_lost(client.get()) != 0};
}

// -- commits --------------------------------------------------------------------------------------

namespace {

// Whether the same commit may succeed later while the member keeps its partitions.
bool may_commit_again(rd_kafka_resp_err_t code, bool lost) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
      // During a rebalance the next generation is on its way; otherwise the assignment is lost.
      return !lost;
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
      return true;
    default:
      return false;
  }
}

} // namespace

// A commit can fail as a whole while none of its partitions says so (metadata that is too large),
// or for one partition while the call succeeds.
consumer_event consumer::impl::commit_result(rd_kafka_event_t* event) const {
  const auto* list = rd_kafka_event_topic_partition_list(event);
  offsets_committed result{offsets_of(list), {}, true, false};
  auto lost = rd_kafka_assignment_lost(client.get()) != 0;
  auto code = rd_kafka_event_error(event);
  std::string failed;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    const auto& entry = list->elems[i];
    if (entry.err == RD_KAFKA_RESP_ERR_NO_ERROR && code == RD_KAFKA_RESP_ERR_NO_ERROR)
      continue;
    auto why = entry.err != RD_KAFKA_RESP_ERR_NO_ERROR ? entry.err : code;
    result.retriable = result.retriable && may_commit_again(why, lost);
    result.metadata_too_large |= why == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
    failed += (failed.empty() ? "" : ", ") + name_of(entry.topic, entry.partition) + " at "
              + std::to_string(entry.offset);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
      code = why;
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    result.retriable = false;
    return result;
  }
  result.retriable = result.retriable && may_commit_again(code, lost);
  result.error = translate(code, errc::commit_failed,
                           "group " + settings.group + " cannot commit " + failed);
  return result;
}

caf::error consumer::commit_async(const std::vector<partition_offset>& offsets) {
  if (offsets.empty())
    return caf::make_error(errc::wrong_state, "a commit needs at least one offset");
  auto list = to_list(offsets, RD_KAFKA_OFFSET_INVALID);
  auto code = rd_kafka_commit_queue(impl_->client.get(), list.get(), impl_->events.get(), nullptr,
                                    nullptr);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    return {};
  return translate(code, errc::commit_failed,
                   "group " + impl_->settings.group + " cannot send a commit");
}

bool consumer::assignment_lost() const {
  return rd_kafka_assignment_lost(impl_->client.get()) != 0;
}

// -- problems and log lines -----------------------------------------------------------------------

bool ends_partition(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    // The client goes on behind what it cannot read; keyloom must not.
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return true;
    default:
      return false;
  }
}

consumer_event consumer::impl::problem(rd_kafka_event_t* event) const {
  auto code = rd_kafka_event_error(event);
  auto why = std::string{rd_kafka_event_error_string(event)} + " (" + rd_kafka_err2name(code) + ")";
  partition_handle where{rd_kafka_event_topic_partition(event)};
  if (where && ends_partition(code)) {
    topic_partition which{where->topic, where->partition};
    auto err = translate(code, errc::kafka_failed, "cannot read " + name_of(which), why);
    return partition_failed{std::move(which), std::move(err)};
  }
  return client_error{translate(code, errc::kafka_failed, "group " + settings.group, why),
                      rd_kafka_event_error_is_fatal(event) != 0};
}

void consumer::impl::write_log(rd_kafka_event_t* event) const {
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (settings.log && rd_kafka_event_log(event, &facility, &text, &level) == 0)
    settings.log(level, std::string{facility} + ": " + text);
}

} // namespace keyloom::kafka
