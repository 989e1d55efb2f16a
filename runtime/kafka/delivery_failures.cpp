#include "runtime/kafka/delivery_failures.hpp"

#include "runtime/kafka/partition_list.hpp"

#include <algorithm>
#include <bit>

namespace keyloom::kafka {

bool is_permanent(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return true;
    default:
      return false;
  }
}

void* token_of(size_t place) {
  return std::bit_cast<void*>(place);
}

size_t place_of(const void* token) {
  return std::bit_cast<size_t>(token);
}

void delivery_failures::reset() {
  std::lock_guard guard{mutex_};
  seen_.reset();
}

void delivery_failures::note(rd_kafka_event_t* reports) {
  std::lock_guard guard{mutex_};
  while (const auto* message = rd_kafka_event_message_next(reports))
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      note(*message);
}

/// A permanent one is worse: others come when the client purges what it held.
void delivery_failures::note(const rd_kafka_message_t& message) {
  auto place = place_of(message._private);
  auto permanent = is_permanent(message.err);
  if (seen_ && is_permanent(seen_->code) == permanent) {
    ++seen_->count;
    seen_->places.first = std::min(seen_->places.first, place);
    seen_->places.end = std::max(seen_->places.end, place + 1);
  } else if (!seen_ || permanent) {
    seen_ = {.code = message.err,
             .where = name_of(rd_kafka_topic_name(message.rkt), message.partition),
             .count = 1,
             .places = {place, place + 1}};
  }
}

std::optional<delivery_failures::summary> delivery_failures::seen() const {
  std::lock_guard guard{mutex_};
  return seen_;
}

} // namespace keyloom::kafka
