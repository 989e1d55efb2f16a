// What a cluster says of offsets: those that a group has committed, and where partitions end.
#include "runtime/kafka/cluster_impl.hpp"
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"

#include <algorithm>

namespace keyloom::kafka {

namespace {

/// The partitions that an answer of ListConsumerGroupOffsets tells of.
caf::expected<const rd_kafka_topic_partition_list_t*> list_in(rd_kafka_event_t* answer,
                                                              const std::string& what) {
  if (auto code = rd_kafka_event_error(answer))
    return translate(code, errc::kafka_failed, what, rd_kafka_event_error_string(answer));
  size_t groups = 0;
  auto** result = rd_kafka_ListConsumerGroupOffsets_result_groups(
    rd_kafka_event_ListConsumerGroupOffsets_result(answer), &groups);
  if (groups != 1)
    return caf::make_error(errc::kafka_failed, what + ": the answer names no group");
  if (const auto* err = rd_kafka_group_result_error(result[0]))
    return translate(rd_kafka_error_code(err), errc::kafka_failed, what,
                     rd_kafka_error_string(err));
  return rd_kafka_group_result_partitions(result[0]);
}

/// The client gives up at the same moment as who waits for it; either may be first.
bool unanswered(rd_kafka_event_t* answer) {
  constexpr auto late = RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (!answer || rd_kafka_event_error(answer) == late)
    return true;
  const auto* offsets = rd_kafka_event_ListConsumerGroupOffsets_result(answer);
  if (!offsets)
    return false;
  size_t groups = 0;
  auto** result = rd_kafka_ListConsumerGroupOffsets_result_groups(offsets, &groups);
  return std::any_of(result, result + groups, [](const rd_kafka_group_result_t* each) {
    const auto* err = rd_kafka_group_result_error(each);
    return err && rd_kafka_error_code(err) == late;
  });
}

} // namespace

caf::expected<event_handle>
cluster::impl::ask_offsets(const std::string& group, const std::vector<topic_partition>& partitions,
                           bool stable, const deadline& until) {
  auto list = to_list(partitions);
  group_offsets_handle request{rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), list.get())};
  queue_handle answers{rd_kafka_queue_new(client.get())};
  auto* requests = request.get();
  admin_options_handle options{
    rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS)};
  error_handle refused{
    rd_kafka_AdminOptions_set_require_stable_offsets(options.get(), stable ? 1 : 0)};
  if (refused)
    return translate(refused, errc::kafka_failed, "cannot ask for stable offsets");
  rd_kafka_AdminOptions_set_request_timeout(options.get(), std::max(until.left_ms(), 1), nullptr,
                                            0);
  rd_kafka_ListConsumerGroupOffsets(client.get(), &requests, 1, options.get(), answers.get());
  event_handle answer{rd_kafka_queue_poll(answers.get(), until.left_ms())};
  if (!unanswered(answer.get()))
    return answer;
  listen(std::chrono::milliseconds{0});
  return unreachable();
}

caf::expected<std::vector<partition_offset>> cluster::group_offsets(
  const std::string& group, const std::string& topic, std::chrono::milliseconds timeout) {
  deadline until{timeout};
  auto what = "cannot read the committed offsets of group " + group + " on " + topic;
  auto count = impl_->count(impl_->client, topic, until);
  if (!count)
    return std::move(count.error());
  std::vector<topic_partition> all;
  all.reserve(static_cast<size_t>(*count));
  for (int32_t i = 0; i < *count; ++i)
    all.push_back({topic, i});
  auto answer = impl_->ask_offsets(group, all, false, until);
  if (!answer)
    return std::move(answer.error());
  auto list = list_in(answer->get(), what);
  if (!list)
    return std::move(list.error());
  for (int i = 0; i < (*list)->cnt; ++i)
    if (const auto& entry = (*list)->elems[i]; entry.err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return translate(entry.err, errc::kafka_failed,
                       what + " for " + name_of(entry.topic, entry.partition));
  return offsets_of(*list);
}

caf::expected<std::vector<partition_offset>>
cluster::stable_offsets(const std::string& group, const std::vector<topic_partition>& partitions,
                        std::chrono::milliseconds timeout) {
  auto what = "cannot read what transactions of group " + group + " have committed";
  auto answer = impl_->ask_offsets(group, partitions, true, deadline{timeout});
  if (!answer)
    return std::move(answer.error());
  auto list = list_in(answer->get(), what);
  if (!list)
    return std::move(list.error());
  auto offsets = offsets_of(*list);
  std::vector<partition_offset> result;
  for (size_t i = 0; i < offsets.size(); ++i) {
    auto code = (*list)->elems[i].err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
      result.push_back(std::move(offsets[i]));
    else if (code != RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
      return translate(code, errc::kafka_failed, what + " for " + name_of(offsets[i].where));
  }
  return result;
}

// -- where partitions end -------------------------------------------------------------------------

// For an answer that waits for its topic's leader, the client's own request timeout would be the
// limit.
caf::expected<event_handle> cluster::impl::ask_ends(const std::vector<topic_partition>& partitions,
                                                    int64_t spec, const deadline& until) {
  auto list = to_list(partitions);
  for (int i = 0; i < list->cnt; ++i)
    list->elems[i].offset = spec;
  admin_options_handle options{
    rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_LISTOFFSETS)};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), std::max(until.left_ms(), 1), nullptr,
                                            0);
  error_handle refused{rd_kafka_AdminOptions_set_isolation_level(
    options.get(), RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED)};
  if (refused)
    return translate(refused, errc::kafka_failed, "cannot ask for the end of what was written");
  queue_handle answers{rd_kafka_queue_new(client.get())};
  rd_kafka_ListOffsets(client.get(), list.get(), options.get(), answers.get());
  event_handle answer{rd_kafka_queue_poll(answers.get(), until.left_ms())};
  if (unanswered(answer.get())) {
    listen(std::chrono::milliseconds{0});
    return unreachable();
  }
  if (auto code = rd_kafka_event_error(answer.get()))
    return translate(code, errc::kafka_failed, "cannot look up where partitions begin and end",
                     rd_kafka_event_error_string(answer.get()));
  return answer;
}

caf::expected<std::map<topic_partition, watermarks>> cluster::log_ends(
  const std::vector<topic_partition>& partitions, std::chrono::milliseconds timeout) {
  deadline until{timeout};
  std::map<topic_partition, watermarks> result;
  for (auto [spec, member] : {std::pair{RD_KAFKA_OFFSET_SPEC_EARLIEST, &watermarks::low},
                              std::pair{RD_KAFKA_OFFSET_SPEC_LATEST, &watermarks::high}}) {
    auto answer = impl_->ask_ends(partitions, spec, until);
    if (!answer)
      return std::move(answer.error());
    size_t count = 0;
    auto** infos
      = rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(answer->get()), &count);
    for (size_t i = 0; i < count; ++i) {
      const auto* entry = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
      if (entry->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return translate(entry->err, errc::kafka_failed,
                         "cannot look up where " + name_of(entry->topic, entry->partition)
                           + " begins and ends");
      result[{entry->topic, entry->partition}].*member = entry->offset;
    }
  }
  return result;
}

} // namespace keyloom::kafka
