// What the producers of a transactional chain do next. Transactions are submitted in order and take
// turns over a few producers, so that the end of one overlaps with the records of the next:
//
//   hand_over     begin, the records, and their acknowledgement; n+1 begins once n is acknowledged
//   send_offsets  n+1 once those of n are in: of two commits the offset appended last wins
//   commit        n+1 once n is committed
//
// When one fails, it and all after it are aborted, and stay here, in order. Those before it go on.
// When the last of both has ended, the owner is asked (news `aborted`) and says with `resume` which
// of them go out again, under the group's present metadata. Until then nothing is handed over.
//
// A commit that was tried and not confirmed is *unsettled*: sent again it might count twice,
// dropped it might be lost. All after it are aborted (a pending offset would hold up the answer),
// its producer is opened anew, which makes the broker end the transaction one way or the other, and
// then the committed offsets are looked up (`settle`).
//
// What always holds: a producer has one task at a time; transactions commit in the order they were
// submitted, each once; nothing of an assignment epoch is handed over, or committed, after
// `abort_all` of it, unless `resume` put it under a later one (the fencing hole, FACTS). One thread
// at a time. Pure: what the tasks mean is the business of kafka::transaction_chain, time is given.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace keyloom::core {

class transaction_plan {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  /// Transactions are numbered from 1 in the order they were submitted.
  using number = uint64_t;

  enum class step : uint8_t {
    open,         ///< make the producer, or make it anew; ends what its id left open
    hand_over,    ///< begin, produce, wait for the acknowledgements; goes on where `again` left off
    send_offsets, ///< ends when the group has the offsets
    commit,
    abort,
    settle, ///< look up whether it was committed
  };

  struct task {
    step what = step::open;
    number transaction = 0; ///< 0 for `open`
    bool operator==(const task&) const = default;
  };

  enum class outcome : uint8_t {
    done,    ///< of `settle`: it was committed
    again,   ///< it may succeed when it is tried once more
    aborts,  ///< the transaction has failed, its producer is fine
    breaks,  ///< the producer is of no use any more, and what it began may still be open
    expires, ///< the same, but the broker has ended what it began
    absent,  ///< of `settle`: it was not committed
    ends,    ///< the chain is over: its ids are somebody else's now, or are not allowed to us
  };

  enum class news_kind : uint8_t {
    acknowledged, ///< its records are; comes again when it goes out again
    committed,    ///< for good; it is forgotten
    aborted,      ///< it and all after it wait for `resume`
    ended,        ///< no other commit begins; what is left is dropped, the oldest perhaps committed
  };

  struct news {
    news_kind what;
    number transaction; ///< 0 for `ended`
    bool operator==(const news&) const = default;
  };

  struct limits {
    size_t producers = 2;
    duration patience = std::chrono::seconds{10};  ///< of a step that is tried again
    duration wait = std::chrono::milliseconds{50}; ///< before it is
  };

  explicit transaction_plan(limits settings);

  // -- the owner -------------------------------------------------------------------------------

  /// Appends a transaction that was made under this epoch; 0 when that was aborted, or all is over.
  /// Epochs never go down.
  number submit(uint64_t epoch);

  /// Aborts what is open and was made under this epoch or an earlier one; refuses more of it. One
  /// whose commit is under way ends as it ends.
  void abort_all(uint64_t epoch);

  /// The answer to `aborted`: all that wait go out again under this epoch, but for those in
  /// `dropped`, which are forgotten. False when nobody asked, or the epoch was aborted meanwhile.
  bool resume(uint64_t epoch, const std::vector<number>& dropped);

  /// Aborts what is open and begins nothing more; without news of it.
  void close();

  /// No transaction is open at the broker, as far as is known here.
  bool quiet() const;

  /// Whether nothing stands before a transaction submitted now but one that is being handed over.
  bool ready() const;

  /// Transactions that are neither committed nor dropped.
  size_t size() const { return chain_.size(); }

  /// The oldest thing that happened and was not told yet.
  std::optional<news> take_news();

  // -- the producers ---------------------------------------------------------------------------

  /// What the producer is to do now; it is busy until `ended`.
  std::optional<task> next(size_t producer, time_point now);

  /// When to ask again although nothing else happened; nothing when there is no such time.
  std::optional<time_point> due(size_t producer) const;

  /// Whether `ended` with this will leave the transaction without its producer, which must have let
  /// go of its records before.
  bool loses(size_t producer, outcome how, time_point now) const;

  void ended(size_t producer, outcome how, time_point now);

private:
  enum class state : uint8_t {
    waiting, ///< no producer has it
    handing,
    acknowledged,
    sending,
    sent,
    committing,
    failed, ///< to be aborted by its producer
    unsettled,
  };

  struct entry {
    number id;
    uint64_t epoch;
    state at = state::waiting;
    size_t producer = 0;
    bool doomed = false;      ///< fails when its step ends
    bool unconfirmed = false; ///< a commit was tried
  };

  struct seat {
    bool open = false;
    bool was_open = false; ///< once at least
    bool needed = false;   ///< an unsettled commit waits until it is open
    std::optional<task> busy;
    std::optional<time_point> since; ///< its step was tried first
    std::optional<time_point> retry;
  };

  entry* held_by(size_t producer);
  entry* find(number id);
  size_t index_of(number id) const;
  std::optional<task> choose(size_t producer);
  std::optional<task> choose_for(entry& of, const seat& at);
  bool may_hand_over(size_t producer) const;
  entry* first_waiting();
  bool offsets_sent_before(const entry& of) const;
  bool later_ones_open(const entry& than) const;
  void fail_from(size_t index);
  void fail(entry& which);
  void let_go(entry& which);
  outcome judge(size_t producer, const task& of, outcome how, time_point now) const;
  static void opened(seat& which);
  void transaction_ended(size_t producer, entry& which, step what, outcome how);
  void went_on(entry& which, step what);
  void step_failed(size_t producer, entry& which, step what, outcome how);
  void committed();
  void end();
  void ask_owner();

  limits limits_;
  std::vector<seat> seats_;
  std::deque<entry> chain_; ///< oldest first
  std::deque<news> news_;
  number last_ = 0;
  uint64_t first_epoch_ = 0; ///< earlier ones are aborted
  size_t turn_ = 0;          ///< the producer of the next transaction
  bool held_ = false;        ///< something failed: nothing is handed over
  bool asked_ = false;       ///< the owner knows
  bool over_ = false;
};

} // namespace keyloom::core
