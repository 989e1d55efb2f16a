#include "runtime/kafka/transactional_producer.hpp"

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
  topics_.clear(); // before the client
  client_.reset();
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
  part_ = record_ = place_ = piece_end_ = 0;
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
    if (record_ == what.parts[part_].records.size()) {
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
  const auto& rec = from.records[record_];
  auto* topic = find_topic(rec.topic);
  if (topic == nullptr)
    return refused(rec, rd_kafka_last_error());
  if (auto count = plain_ones(from, most); count > 1)
    return produce_plain(topic, from, count);
  for (int i = 0; i < rounds_for_room; ++i) {
    auto err = produce_record(client_.get(), topic, rec, token_of(place_));
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

/// The next ones that one batch call can send: to one topic, all by key or all to one partition. (A
/// call with a partition for each record adds the wrong one to the transaction while the topic is
/// not known yet: librdkafka 2.14.2.)
size_t transactional_producer::plain_ones(const transaction_part& from, size_t most) const {
  const auto& first = from.records[record_];
  auto end = std::min(from.records.size() - record_, most) + record_;
  auto i = record_;
  while (i < end && is_same(from.records[i].topic, first.topic)
         && from.records[i].partition == first.partition
         && fits_batch(from.records[i], max_record_bytes_))
    ++i;
  return i - record_;
}

// The client copies keys alone: values stay with the transaction, which is kept until the client is
// done with it. It takes the first ones only: behind one that its queue has no room for it refuses
// all.
result transactional_producer::produce_plain(rd_kafka_topic_t* topic, const transaction_part& from,
                                             size_t count) {
  const auto* first = &from.records[record_];
  auto partition = first->partition.value_or(RD_KAFKA_PARTITION_UA);
  room_.clear();
  std::transform(first, first + count, std::back_inserter(room_),
                 [place = place_](const record_view& x) mutable {
                   return to_message(x, token_of(place++));
                 });
  size_t taken = 0;
  for (int i = 0; i < rounds_for_room; ++i) {
    taken += static_cast<size_t>(rd_kafka_produce_batch(topic, partition, 0, room_.data() + taken,
                                                        static_cast<int>(count - taken)));
    if (taken == count || room_[taken].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
      break;
    rd_kafka_flush(client_.get(), room_ms);
  }
  record_ += taken;
  place_ += taken;
  if (taken == count)
    return {};
  return refused(from.records[record_], room_[taken].err);
}

rd_kafka_topic_t* transactional_producer::find_topic(std::string_view name) {
  if (auto found = topics_.find(name); found != topics_.end())
    return found->second.get();
  std::string owned{name};
  topic_handle made{rd_kafka_topic_new(client_.get(), owned.c_str(), nullptr)};
  return made ? topics_.emplace(std::move(owned), std::move(made)).first->second.get() : nullptr;
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
          .permanent = is_permanent(code),
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
  for (auto place = failed.places.first; place >= of.parts[*found.part].records.size();)
    place -= of.parts[(*found.part)++].records.size();
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
