#include "runtime/kafka/errors.hpp"

namespace keyloom::kafka {

namespace {

errc code_of(rd_kafka_resp_err_t code, errc otherwise) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return errc::offset_out_of_range;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      return errc::topic_missing;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return errc::broker_unreachable;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return otherwise == errc::kafka_failed ? errc::bad_config : otherwise;
    default:
      return otherwise;
  }
}

} // namespace

std::string words(rd_kafka_resp_err_t code) {
  return std::string{rd_kafka_err2str(code)} + " (" + rd_kafka_err2name(code) + ")";
}

std::string_view remedy(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return "the records there are gone or were never written: raise the topic's retention.ms, or "
             "set the group's offset to one the topic still holds";
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      return "create the topic, or correct its name";
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return "use a partition the topic has";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return "let the broker's ACLs allow it to this user";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "let the broker's ACLs allow it to this user (a producer: Write on its topics, or "
             "IdempotentWrite on the cluster)";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return "check security.protocol and the sasl.* properties";
    case RD_KAFKA_RESP_ERR__SSL:
      return "check security.protocol and the ssl.* properties";
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return "check the address in `brokers` and that the broker runs";
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
      return "the program did not poll in time: find what blocks it, or raise max.poll.interval.ms";
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      return "check that the broker answers, or allow it more time";
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
      return "check that the broker answers, or raise delivery.timeout.ms";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return "raise message.max.bytes of the client and max.message.bytes of the topic (a reader: "
             "receive.message.max.bytes), or send less. A batch must fit, too: batch.size";
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
      return "the producer ended first: flush it before";
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
      return "keep the metadata below 4,096 bytes or raise the broker's offset.metadata.max.bytes";
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return "the stored bytes are damaged or of an unknown compression: look at them with the "
             "broker's tools, then set the group's offset past them";
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
      return "the group went on without this member";
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_UNRELEASED_INSTANCE_ID:
      return "give each process a group.instance.id of its own";
    default:
      return {};
  }
}

caf::error translate(rd_kafka_resp_err_t code, errc otherwise, const std::string& what,
                     const std::string& why) {
  auto text = what + ": " + (why.empty() ? words(code) : why);
  if (auto mend = remedy(code); !mend.empty())
    text.append("; ").append(mend);
  return caf::make_error(code_of(code, otherwise), std::move(text));
}

caf::error translate(const error_handle& err, errc otherwise, const std::string& what) {
  if (!err)
    return {};
  return translate(rd_kafka_error_code(err.get()), otherwise, what,
                   std::string{rd_kafka_error_string(err.get())} + " ("
                     + rd_kafka_error_name(err.get()) + ")");
}

} // namespace keyloom::kafka
