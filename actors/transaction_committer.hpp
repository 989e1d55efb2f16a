// The committer under exactly once: gathers what the output gates of all partitions let go into one
// transaction (outputs, change-log entries, offsets and completion maps), ten milliseconds after
// the last one under load and up to sixty when little happens, and gives it to the chain of
// transactional producers, which commits in order. Partitions say in their meters that something
// waits; they are asked for it only then, or when their position may have moved alone.
//
// When transactions fail, all that is not committed goes out again from the content that the
// partitions keep, under newer membership of the group, which the poller takes; parts of partitions
// that are not ours any more are dropped, and a partition whose record is refused stops. When
// partitions go, nothing of theirs stays open before the group hears of it (the fencing hole).
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "runtime/core/repeat_filter.hpp"
#include "runtime/kafka/transaction_chain.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <map>
#include <random>
#include <set>

namespace keyloom::actors {

struct transaction_committer_state {
  static inline const char* name = "keyloom.committer";

  /// `fail` ends the source; any thread.
  transaction_committer_state(caf::event_based_actor* self, services* shared,
                              std::function<void(const caf::error&)> fail)
    : self_(self), shared_(shared), fail_(std::move(fail)) {}

  caf::behavior make_behavior();

private:
  using number = kafka::transaction_chain::number;
  using clock = std::chrono::steady_clock;

  struct followed {
    std::shared_ptr<core::partition_meter> meter;
    caf::actor partition;
    std::optional<core::topic_id> topic;
    core::commit_mark mark;
    bool asked = false;   ///< what it lets go, and has not answered
    bool refused = false; ///< a record of it was; nothing more of it is committed
  };

  /// What a transaction has of one partition.
  struct part {
    kafka::topic_partition where;
    std::shared_ptr<core::partition_meter> meter;
    caf::actor partition;
    uint64_t number = 0; ///< as its output gate counts
    int64_t offset = -1;
    clock::time_point sent{}; ///< the transaction
  };

  void follow(const commit_for& news);
  void tick();
  clock::duration until_next_look() const;
  void gather(bool bare);
  void ask(const kafka::topic_partition& where, followed& of, bool bare);
  void heard(const kafka::topic_partition& where, const core::partition_meter* of,
             transaction_cut&& cut);
  void one_answered();
  void submit();
  void on_acknowledged(number which);
  void on_committed(number which);
  void on_aborted(const chain_aborted& news);
  void on_failed(const chain_failed& news);
  void on_membership(const group_membership& news);
  void go_on();
  bool drop(const std::vector<kafka::topic_partition>& partitions);
  void drop_gathered(const kafka::topic_partition& where);
  clock::duration pace_after(size_t events) const;
  void note_open();
  bool is_open(const kafka::topic_partition& where) const;
  void abort_open();
  void aborted_all(const caf::error& problem);
  caf::result<void> last_commit(const final_commit& asked);
  void warn(const std::string& problem);

  caf::event_based_actor* self_;
  services* shared_;
  std::function<void(const caf::error&)> fail_;
  std::map<kafka::topic_partition, followed> partitions_;
  kafka::group_metadata group_; ///< empty until the poller has told it, and after an abort
  std::map<number, std::vector<part>> open_;
  kafka::transaction gathered_;
  std::vector<part> gathered_parts_;
  size_t gathered_events_ = 0;
  size_t unanswered_ = 0;                  ///< partitions that were asked and have not answered
  bool halted_ = false;                    ///< the chain waits for `resume`, or is over
  bool over_ = false;                      ///< nothing more is committed
  bool aborting_ = false;                  ///< abort_all is under way
  std::set<kafka::topic_partition> stale_; ///< what is open of them goes nowhere any more
  uint64_t epoch_ = 0;                     ///< of the newest membership
  uint64_t aborted_epoch_ = 0;             ///< this and earlier ones are of no use
  clock::time_point last_gathered_{};
  clock::time_point last_bare_{};
  clock::duration pace_{0};
  clock::duration hand_over_{0}; ///< until a transaction's records are acknowledged, smoothed
  clock::time_point last_acknowledged_{};
  std::mt19937_64 random_{std::random_device{}()};
  core::repeat_filter problems_;
  std::vector<caf::typed_response_promise<void>> final_answers_; ///< wait for abort_all
};

/// Brings the chain's news to the committer. The handle is set before there is a chain.
class chain_port final : public kafka::transaction_chain::progress_port {
public:
  using number = kafka::transaction_chain::number;

  void send_to(caf::actor committer) { committer_ = std::move(committer); }
  void acknowledged(number which) override;
  void committed(number which) override;
  void aborted(const kafka::transaction_chain::aborted_transactions& which) override;
  void failed(const caf::error& reason) override;

private:
  caf::actor committer_;
};

} // namespace keyloom::actors
