#include "runtime/kafka/transactional_producer.hpp"

#include "runtime/core/prefetch.hpp"
#include "runtime/kafka/conf.hpp"
#include "runtime/kafka/errors.hpp"
#include "runtime/kafka/partition_list.hpp"

#include <algorithm>
#include <array>

namespace keyloom::kafka {

namespace {

using outcome = core::transaction_plan::outcome;
using result = transactional_producer::result;

// How long one call may block before the chain looks whether something else is wanted. Opening,
// committing and aborting go on in the client meanwhile, and are picked up by the next call.
constexpr int open_ms = 2000;
constexpr int flush_ms = 1000;
constexpr int send_offsets_ms = 5000;
constexpr int most_end_ms = 5000;
constexpr int room_ms = 10; // the client's queue is full
constexpr int rounds_for_room = 100;

/// Fewer records for each partition of a topic are not worth a batch call for each.
constexpr size_t least_for_each = 4;

/// No longer than the step may be tried.
int end_ms(const transactional_producer::config& cfg) {
  return static_cast<int>(std::min<int64_t>(most_end_ms, cfg.transaction_timeout.count()));
}

properties defaults(const transactional_producer::config& cfg) {
  return {
    {"client.id", "keyloom"},
    quick_to_connect,
    // A flush follows the last record, and does not linger.
    {"linger.ms", "5"},
    {"queue.buffering.max.messages", "1000000"},
    {"transaction.timeout.ms", std::to_string(cfg.transaction_timeout.count())},
  };
}

std::vector<forced_property> forced(const transactional_producer::config& cfg) {
  return {
    brokers_property(cfg.brokers),
    {"transactional.id", cfg.id, "the chain's prefix and the producer's number make it"},
    {"enable.idempotence", "true", "a retry must neither double nor reorder the records of a key"},
    {"delivery.report.only.error", "true", "what was delivered is known when nothing is left"},
    {"partitioner", "murmur2_random", "keys go to the partitions that Java's clients choose"},
  };
}

/// The group has moved on from the metadata that was sent.
bool is_of_group(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH:
    case RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
      return true;
    default:
      return false;
  }
}

bool is_fenced(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED
         || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/// No producer of this id could work, now or later.
bool is_hopeless(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
      return true;
    default:
      return false;
  }
}

/// Mostly it is the same string, which need not be looked at.
bool is_same(std::string_view a, std::string_view b) {
  return (a.data() == b.data() && a.size() == b.size()) || a == b;
}

/// As the forced property says. Tells beside how many partitions there are, which the client tells
/// nobody else without asking the broker.
int32_t choose_partition(const rd_kafka_topic_t* topic, const void* key, size_t size, int32_t count,
                         void* noted, void*) {
  static_cast<std::atomic<int32_t>*>(noted)->store(count, std::memory_order_relaxed);
  return rd_kafka_msg_partitioner_murmur2_random(topic, key, size, count, nullptr, nullptr);
}

result broken() {
  return {.what = outcome::breaks,
          .reason = caf::make_error(errc::transaction_failed, "its producer is gone")};
}

} // namespace

transactional_producer::~transactional_producer() {
  disconnect();
}

// -- its life -------------------------------------------------------------------------------------

caf::error transactional_producer::connect() {
  auto conf = make_conf(defaults(cfg_), cfg_.kafka, forced(cfg_));
  if (!conf)
    return std::move(conf.error());
  // Reports are events, and of failures only: the client frees what was delivered itself, and flush
  // hears of the last one at once. Its background thread takes them, also while a transaction is
  // aborted.
  rd_kafka_conf_set_events(conf->get(), RD_KAFKA_EVENT_DR);
  rd_kafka_conf_set_background_event_cb(conf->get(), on_event);
  rd_kafka_conf_set_log_cb(conf->get(), on_log);
  rd_kafka_conf_set_opaque(conf->get(), this);
  auto made = make_client(RD_KAFKA_PRODUCER, std::move(*conf));
  if (!made)
    return std::move(made.error());
  client_ = std::move(*made);
  queue_handle events{rd_kafka_queue_get_main(client_.get())};
  queue_handle background{rd_kafka_queue_get_background(client_.get())};
  rd_kafka_queue_forward(events.get(), background.get());
  max_record_bytes_ = size_property(client_.get(), "message.max.bytes");
  return {};
}

void transactional_producer::disconnect() {
  in_transaction_ = false;
  room_.clear();
  topics_.clear(); // before the client
  client_.reset();
  partition_counts_.clear();
}

result transactional_producer::open() {
  if (!opening_) {
    disconnect();
    if (auto err = connect())
      return {.what = outcome::ends, .reason = std::move(err)};
    opening_ = true;
  }
  if (auto code = await_broker())
    return {.what = outcome::again,
            .reason = translate(code, errc::transaction_failed,
                                "cannot open the transactional id " + cfg_.id)};
  auto answer = judge(error_handle{rd_kafka_init_transactions(client_.get(), open_ms)},
                      "cannot open the transactional id " + cfg_.id);
  opening_ = answer.what == outcome::again;
  return answer;
}

/// The client looks for its coordinator once and, without a connection, not again for 500 ms; its
/// answer to this comes as soon as there is one.
rd_kafka_resp_err_t transactional_producer::await_broker() {
  const rd_kafka_metadata_t* found = nullptr;
  auto code = rd_kafka_metadata(client_.get(), 0, nullptr, &found, open_ms);
  metadata_handle answer{found};
  return code;
}

// -- a transaction --------------------------------------------------------------------------------

result transactional_producer::hand_over(const transaction& what) {
  if (!client_)
    return broken();
  if (!in_transaction_)
    if (auto begun = begin(); begun.what != outcome::done)
      return begun;
  if (auto produced = produce(what); produced.what != outcome::done)
    return produced;
  return acknowledged_so_far(what);
}

result transactional_producer::acknowledged_so_far(const transaction& of) {
  auto code = rd_kafka_flush(client_.get(), flush_ms);
  if (auto failed = failures_.seen())
    return undelivered(*failed, of);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    return {};
  return {.what = outcome::again,
          .reason = translate(code, errc::transaction_failed,
                              "records of a transaction are not acknowledged yet")};
}

result transactional_producer::begin() {
  auto answer = judge(error_handle{rd_kafka_begin_transaction(client_.get())},
                      "cannot begin a transaction");
  if (answer.what != outcome::done)
    return answer;
  in_transaction_ = true;
  began_ = std::chrono::steady_clock::now();
  part_ = record_ = place_ = piece_end_ = sent_ = 0;
  room_.clear();
  failures_.reset();
  return answer;
}

result transactional_producer::send_offsets(const transaction& what) {
  if (!client_)
    return broken();
  std::vector<partition_offset> offsets;
  offsets.reserve(what.parts.size());
  for (const auto& part : what.parts)
    offsets.push_back(part.commit);
  auto list = to_list(offsets, RD_KAFKA_OFFSET_INVALID);
  return judge(error_handle{rd_kafka_send_offsets_to_transaction(
                 client_.get(), list.get(), what.group.get(), send_offsets_ms)},
               "cannot add offsets to a transaction (" + what.group.text() + ")");
}

result transactional_producer::commit() {
  if (!client_)
    return broken();
  auto answer = judge(error_handle{rd_kafka_commit_transaction(client_.get(), end_ms(cfg_))},
                      "cannot commit a transaction");
  if (answer.what == outcome::done)
    in_transaction_ = false;
  return answer;
}

result transactional_producer::abort() {
  if (!client_)
    return broken();
  auto answer = judge(error_handle{rd_kafka_abort_transaction(client_.get(), end_ms(cfg_))},
                      "cannot abort a transaction");
  if (answer.what == outcome::done)
    in_transaction_ = false;
  return answer;
}

// -- its records ----------------------------------------------------------------------------------

result transactional_producer::produce(const transaction& what) {
  auto tried_until = std::chrono::steady_clock::now() + std::chrono::milliseconds{flush_ms};
  while (part_ < what.parts.size()) {
    if (record_ == what.parts[part_].size()) {
      ++part_;
      record_ = 0;
      continue;
    }
    if (place_ == piece_end_)
      piece_end_ = place_ + together(what.suspects);
    auto next = produce_next(what.parts[part_], piece_end_ - place_);
    // Where the client takes nothing more, the reports say why.
    if (next.what != outcome::done || place_ == piece_end_ || failures_.seen())
      if (auto so_far = acknowledged_so_far(what); so_far.what != outcome::done)
        return so_far;
    if (next.what != outcome::done)
      return next;
    if (std::chrono::steady_clock::now() > tried_until)
      return {.what = outcome::again,
              .reason = caf::make_error(errc::transaction_failed,
                                        "records of a transaction are being sent")};
  }
  return {};
}

/// How many records may go out now before the broker is asked to acknowledge them: among the
/// suspects an eighth of them, so that after a few attempts it is known which one is refused.
size_t transactional_producer::together(const std::optional<record_range>& suspects) const {
  if (!suspects || place_ >= suspects->end)
    return SIZE_MAX - place_;
  if (place_ < suspects->first)
    return suspects->first - place_;
  return std::min(std::max<size_t>(1, suspects->size() / 8), suspects->end - place_);
}

result transactional_producer::produce_next(const transaction_part& from, size_t most) {
  auto rec = from.at(record_);
  const auto* topic = find_topic(rec.topic);
  if (topic == nullptr)
    return refused(rec, rd_kafka_last_error());
  if (room_.empty())
    fill_room(*topic, from, most);
  if (!room_.empty())
    return produce_room(*topic, from);
  for (int i = 0; i < rounds_for_room; ++i) {
    auto err = produce_record(client_.get(), topic->handle.get(), rec, token_of(place_));
    if (!err) {
      ++record_;
      ++place_;
      return {};
    }
    if (rd_kafka_error_code(err.get()) != RD_KAFKA_RESP_ERR__QUEUE_FULL)
      return refused(rec, rd_kafka_error_code(err.get()));
    rd_kafka_flush(client_.get(), room_ms);
  }
  return refused(rec, RD_KAFKA_RESP_ERR__QUEUE_FULL);
}

/// The next records that batch calls can send: to one topic, all by key or all to one partition.
/// Empty when there are not two.
void transactional_producer::fill_room(const sent_topic& topic, const transaction_part& from,
                                       size_t most) {
  constexpr size_t ahead = 8; // another thread packed them, a while ago
  auto first = from.at(record_);
  auto by_key = !first.partition;
  auto partitions = by_key ? topic.partitions->load(std::memory_order_relaxed) : 0;
  auto end = record_ + std::min(from.size() - record_, most);
  chosen_.clear();
  for (auto i = record_; i < end; ++i) {
    if (i + ahead < from.packed.size())
      core::prefetch(from.packed[i + ahead]);
    auto next = from.at(i);
    if (!is_same(next.topic, first.topic) || next.partition != first.partition
        || !fits_batch(next, max_record_bytes_))
      break;
    auto chosen = first.partition.value_or(RD_KAFKA_PARTITION_UA);
    if (partitions > 0 && next.key.data() != nullptr)
      chosen = rd_kafka_msg_partitioner_murmur2(topic.handle.get(), next.key.data(),
                                                next.key.size(), partitions, nullptr, nullptr);
    chosen_.push_back(chosen);
  }
  if (chosen_.size() < 2)
    return;
  // Of one with a key the client tells how many partitions there are now.
  auto placed = std::find_if(chosen_.begin(), chosen_.end(), [](auto to) { return to >= 0; });
  if (by_key && placed != chosen_.end())
    *placed = RD_KAFKA_PARTITION_UA;
  if (chosen_.size() < static_cast<size_t>(partitions) * least_for_each)
    std::fill(chosen_.begin(), chosen_.end(), RD_KAFKA_PARTITION_UA);
  sort_into_room(from, partitions);
}

/// By partition, those that the client places first, and the first one of a key before its others;
/// beyond that they keep their order.
void transactional_producer::sort_into_room(const transaction_part& from, int32_t partitions) {
  auto group_of = [partitions](int32_t chosen) {
    return partitions > 0 ? static_cast<size_t>(chosen + 1) : 0;
  };
  starts_.assign(group_of(partitions) + 2, 0);
  for (auto chosen : chosen_)
    ++starts_[group_of(chosen) + 1];
  for (size_t i = 1; i < starts_.size(); ++i)
    starts_[i] += starts_[i - 1];
  room_.resize(chosen_.size());
  for (size_t i = 0; i < chosen_.size(); ++i) {
    auto& message = room_[starts_[group_of(chosen_[i])]++];
    message = to_message(from.at(record_ + i), token_of(place_ + i));
    message.partition = chosen_[i];
  }
}

// A call for one partition is cheaper by a lock, a look-up and a glance at the clock for each
// record than one that lets the client choose. (One with a partition for each record adds the wrong
// one to the transaction while the topic is not known yet: librdkafka 2.14.2.) The client copies
// keys alone: values stay with the transaction, which is kept until the client is done with it. Of
// a call it takes the first ones only: behind one that its queue has no room for it refuses all.
result transactional_producer::produce_room(const sent_topic& topic, const transaction_part& from) {
  for (int rounds = 0; sent_ < room_.size();) {
    auto* first = &room_[sent_];
    auto* end = std::find_if(first, room_.data() + room_.size(), [first](const auto& each) {
      return each.partition != first->partition;
    });
    auto taken = rd_kafka_produce_batch(topic.handle.get(), first->partition, 0, first,
                                        static_cast<int>(end - first));
    sent_ += static_cast<size_t>(taken);
    first += taken;
    if (first == end)
      continue;
    if (first->err != RD_KAFKA_RESP_ERR__QUEUE_FULL || ++rounds == rounds_for_room)
      return refused(from.at(record_ + place_of(first->_private) - place_), first->err);
    rd_kafka_flush(client_.get(), room_ms);
  }
  record_ += room_.size();
  place_ += room_.size();
  sent_ = 0;
  room_.clear();
  return {};
}

const transactional_producer::sent_topic*
transactional_producer::find_topic(std::string_view name) {
  if (auto found = topics_.find(name); found != topics_.end())
    return &found->second;
  std::string owned{name};
  auto& partitions = partition_counts_.emplace_back(0);
  auto* conf = rd_kafka_default_topic_conf_dup(client_.get()); // owned by the call below
  rd_kafka_topic_conf_set_opaque(conf, &partitions);
  rd_kafka_topic_conf_set_partitioner_cb(conf, choose_partition);
  topic_handle made{rd_kafka_topic_new(client_.get(), owned.c_str(), conf)};
  if (!made)
    return nullptr;
  return &topics_.emplace(std::move(owned), sent_topic{std::move(made), &partitions}).first->second;
}

void transactional_producer::on_event(rd_kafka_t*, rd_kafka_event_t* event, void* self) {
  event_handle owned{event};
  if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
    static_cast<transactional_producer*>(self)->failures_.note(event);
}

void transactional_producer::on_log(const rd_kafka_t* client, int level, const char* facility,
                                    const char* text) {
  const auto& me = *static_cast<const transactional_producer*>(rd_kafka_opaque(client));
  if (me.cfg_.log)
    me.cfg_.log(level, std::string{facility} + ": " + text);
}

// -- what became of it ----------------------------------------------------------------------------

result transactional_producer::refused(const record_view& rec, rd_kafka_resp_err_t code) const {
  auto what = "cannot send to " + name_of(rec);
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
    return {.what = outcome::again, .reason = translate(code, errc::transaction_failed, what)};
  std::array<char, 512> why{};
  if (auto fatal = rd_kafka_fatal_error(client_.get(), why.data(), why.size()))
    return judge_fatal(fatal, what, why.data());
  return {.what = outcome::aborts,
          .reason = translate(code, errc::produce_failed, what),
          // Where the key chose, the topic has fewer partitions now, and it will choose another.
          .permanent = is_permanent(code)
                       && (code != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || rec.partition),
          .part = part_};
}

// All records of a batch are refused together, alike, though one alone may be wrong, or none where
// the batch is too large as a whole. So they go out in smaller ones next.
result transactional_producer::undelivered(const delivery_failures::summary& failed,
                                           const transaction& of) {
  auto what = "a record for " + failed.where + " was not acknowledged";
  std::array<char, 512> why{};
  if (auto fatal = rd_kafka_fatal_error(client_.get(), why.data(), why.size()))
    return judge_fatal(fatal, what, why.data());
  result found{.what = outcome::aborts,
               .reason = translate(failed.code, errc::produce_failed, what)};
  if (!is_permanent(failed.code))
    return found;
  if (failed.count > 1) {
    found.suspects = failed.places;
    return found;
  }
  found.permanent = true;
  found.part = 0;
  for (auto place = failed.places.first; place >= of.parts[*found.part].size();)
    place -= of.parts[(*found.part)++].size();
  return found;
}

result transactional_producer::judge(error_handle err, const std::string& what) const {
  if (!err)
    return {};
  std::array<char, 512> why{};
  if (auto fatal = rd_kafka_fatal_error(client_.get(), why.data(), why.size()))
    return judge_fatal(fatal, what, why.data());
  auto code = rd_kafka_error_code(err.get());
  if (is_hopeless(code))
    return judge_fatal(code, what, rd_kafka_error_string(err.get()));
  result found{.what = outcome::breaks, .reason = translate(err, errc::transaction_failed, what)};
  if (rd_kafka_error_txn_requires_abort(err.get()) != 0) {
    found.what = outcome::aborts;
    found.permanent = is_permanent(code);
    found.regroup = is_of_group(code);
  } else if (rd_kafka_error_is_retriable(err.get()) != 0) {
    found.what = outcome::again;
  }
  return found;
}

// The broker answers alike when it has cut a transaction that took too long, and when another
// producer took the id. A transaction that is younger than its timeout was not cut.
result transactional_producer::judge_fatal(rd_kafka_resp_err_t code, const std::string& what,
                                           const std::string& why) const {
  auto words = why + " (" + rd_kafka_err2name(code) + ")";
  auto age = std::chrono::steady_clock::now() - began_;
  auto expired = in_transaction_ && age >= cfg_.transaction_timeout;
  if (is_fenced(code) && !expired)
    return {.what = outcome::ends,
            .reason = caf::make_error(errc::fenced, what + ": " + words
                                                      + "; another process has opened the "
                                                      + "transactional id " + cfg_.id
                                                      + ": give each process a prefix of its own")};
  auto how = is_fenced(code)     ? outcome::expires
             : is_hopeless(code) ? outcome::ends
                                 : outcome::breaks;
  return {.what = how, .reason = translate(code, errc::transaction_failed, what, words)};
}

} // namespace keyloom::kafka
