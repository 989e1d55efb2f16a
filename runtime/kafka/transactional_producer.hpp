// One producer of a transactional chain, with a transactional id that its successors use again:
// opening it ends what an earlier producer of this id left open, and shuts that one out. Each call
// blocks for a while, up to about transaction.timeout.ms, and says what became of it in the words
// of core::transaction_plan, with the reason. Called by one thread at a time: the chain's thread
// for it.
#pragma once

#include "runtime/core/transaction_plan.hpp"
#include "runtime/kafka/delivery_failures.hpp"
#include "runtime/kafka/handles.hpp"
#include "runtime/kafka/produce_record.hpp"
#include "runtime/kafka/transaction.hpp"

#include <caf/error.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>

namespace keyloom::kafka {

class transactional_producer {
public:
  struct config {
    std::string brokers;
    properties kafka = {};
    std::string id; ///< transactional.id
    std::chrono::milliseconds transaction_timeout{10'000};
    std::function<void(int level, const std::string& text)> log;
  };

  struct result {
    core::transaction_plan::outcome what = core::transaction_plan::outcome::done;
    caf::error reason = {};
    bool permanent = false; ///< sent again it would fail again
    bool regroup = false;   ///< the group has moved on from the transaction's metadata
    std::optional<size_t> part = std::nullopt; ///< whose record was refused, where that is known
    std::optional<record_range> suspects = std::nullopt; ///< one of these was, where it is not
  };

  explicit transactional_producer(config settings) : cfg_(std::move(settings)) {}
  transactional_producer(const transactional_producer&) = delete;
  transactional_producer& operator=(const transactional_producer&) = delete;
  ~transactional_producer();

  /// Makes the client, when there is none, and takes its id over.
  result open();

  /// Ends the client, which lets go of the records that it was handed. The next step is to open it.
  void disconnect();

  /// Begins, produces, and waits until all is acknowledged. After `again` it goes on where it was.
  /// The client sends values from where they are: the transaction's content has to stay until it is
  /// committed or aborted, or `disconnect` was called.
  result hand_over(const transaction& what);

  result send_offsets(const transaction& what);
  result commit();
  result abort();

private:
  using outcome = core::transaction_plan::outcome;

  struct sent_topic {
    topic_handle handle;
    const std::atomic<int32_t>* partitions; ///< as the client knew last; 0: it does not
  };

  caf::error connect();
  rd_kafka_resp_err_t await_broker();
  result begin();
  result produce(const transaction& what);
  result produce_next(const transaction_part& from, size_t most);
  void fill_room(const sent_topic& topic, const transaction_part& from, size_t most);
  void sort_into_room(const transaction_part& from, int32_t partitions);
  result produce_room(const sent_topic& topic, const transaction_part& from);
  size_t together(const std::optional<record_range>& suspects) const;
  const sent_topic* find_topic(std::string_view name);
  result refused(const record_view& rec, rd_kafka_resp_err_t code) const;
  result judge(error_handle err, const std::string& what) const;
  result judge_fatal(rd_kafka_resp_err_t code, const std::string& what,
                     const std::string& why) const;
  result acknowledged_so_far(const transaction& of);
  result undelivered(const delivery_failures::summary& failed, const transaction& of);
  static void on_event(rd_kafka_t*, rd_kafka_event_t* event, void* self);
  static void on_log(const rd_kafka_t* client, int level, const char* facility, const char* text);

  config cfg_;
  std::deque<std::atomic<int32_t>> partition_counts_; ///< of topics; the client's threads set them
  client_handle client_;
  std::unordered_map<std::string, sent_topic, string_hash, std::equal_to<>> topics_;
  std::vector<rd_kafka_message_t> room_; ///< being produced in batches; those of a partition
                                         ///< stand together
  size_t sent_ = 0;                      ///< of these
  std::vector<int32_t> chosen_;          ///< partitions, while they are put in there
  std::vector<size_t> starts_;           ///< the same
  size_t max_record_bytes_ = 0;
  bool opening_ = false; ///< the client waits for its id
  bool in_transaction_ = false;
  std::chrono::steady_clock::time_point began_; ///< the transaction
  size_t part_ = 0;                             ///< being produced
  size_t record_ = 0;                           ///< of it
  size_t place_ = 0;                            ///< of that among all
  size_t piece_end_ = 0;                        ///< there acknowledgements are waited for
  delivery_failures failures_;                  ///< of the transaction
};

} // namespace keyloom::kafka
