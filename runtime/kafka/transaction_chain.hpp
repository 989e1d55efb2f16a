// Exactly once: transactions of outputs, change-log entries and offsets, committed strictly in the
// order they were submitted, over two or three transactional producers in turn (why and in what
// order: core/transaction_plan.hpp). Each producer has a thread, because its calls block; nothing
// here blocks an actor but `abort_all` and the destructor.
//
// HOW TO USE IT. One committer, for all partitions of one source:
//
// 1. When the group assigns partitions, the poller answers with `consumer::assign`, takes
//    `consumer::membership(epoch)`, with an epoch greater than any before, and only then drains
//    records. Every later answer to the group (also an empty one) is a later epoch. With
//    group.protocol=consumer the member's epoch also moves without an event: then take it again
//    when `aborted` says `regroup`.
// 2. Every 10 to 60 ms, and when `acknowledged` says that the producers have room (`ready`), the
//    committer gathers what the partitions have released since into ONE transaction: a part for
//    each partition with its records in order (several releases of a partition go into one part),
//    the offset, and the metadata with the map and a commit counter that is never used twice. A
//    partition without records still gets its offset committed. Interjections alone: a part with
//    the same offset again and a new counter.
// 3. While not `ready`, let it gather: a backlog makes larger transactions, not more of them.
//    Transactions submitted meanwhile are kept, in order.
// 4. `committed(n)`: everything in n is out.
// 5. `aborted`: nothing is under way any more, and nothing goes on until `resume`. Ask the poller
// for
//    the present membership and which partitions are still ours *by events it has answered*, then
//    `resume`. Parts of other partitions are dropped. `permanent` means that it would fail again:
//    stop the partition `culprit` (or the source, without one) and leave it out.
// 6. Revoked: drain, submit the last transaction, wait for `committed`, then answer the group. When
//    that takes too long, or the partitions are lost: `abort_all(epoch)` before newer membership is
//    taken, then answer the group, then `resume` with what stays.
// 7. `failed`: the chain is over. errc::fenced: another process has the ids.
//
// TRANSACTIONAL IDS are `id_prefix` + "-" + 0, 1, ... A producer that opens an id ends what its
// predecessor left open and shuts it out, so a restarted process goes on at once instead of after
// transaction.timeout.ms. So a prefix belongs to a seat, not to a process: the same after each
// restart, another one for each process that runs at the same time (as group.instance.id), and
// another one for each source. Opening waits for the predecessor's commits. With fewer producers
// than before, what the spare ones left open expires by itself. A process that was frozen while
// another took its seat learns of it at its next call, and stops; it does not take the seat back.
#pragma once

#include "runtime/core/transaction_plan.hpp"
#include "runtime/kafka/transaction.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace keyloom::kafka {

class transaction_chain {
public:
  /// A transaction, numbered from 1 in the order they are submitted.
  using number = core::transaction_plan::number;

  struct aborted_transactions {
    number first;                                ///< it and all after it were aborted, or not begun
    caf::error reason = {};                      ///< none when `abort_all` was
    bool permanent = false;                      ///< sent again, it would fail again
    bool regroup = false;                        ///< the group has moved on: take newer membership
    std::optional<topic_partition> culprit = {}; ///< of the source, whose record was refused
  };

  /// Hears what became of transactions, in order, one call at a time, on the chain's threads. It
  /// must not block, and must not call the chain: send a message.
  class progress_port {
  public:
    virtual ~progress_port() = default;
    /// Its records are; may come again when it was aborted in between.
    virtual void acknowledged(number which) = 0;
    virtual void committed(number which) = 0;
    /// Answer with `resume`.
    virtual void aborted(const aborted_transactions& which) = 0;
    /// The last call. What was not committed is not, but for the oldest one: the group's metadata
    /// knows.
    virtual void failed(const caf::error& reason) = 0;
  };

  /// Looks up what the group has committed, for a commit whose outcome is not known.
  class lookup_port {
  public:
    virtual ~lookup_port() = default;
    /// Offsets and metadata; those are left out which a pending transaction may still change.
    /// Blocks; on one of the chain's threads, one call at a time.
    virtual caf::expected<std::vector<partition_offset>>
    committed(const std::vector<topic_partition>& of, std::chrono::milliseconds timeout) = 0;
  };

  struct config {
    std::string brokers;
    properties kafka = {}; ///< for producers
    std::string group;
    std::string id_prefix;
    size_t producers = 2;
    /// The broker cuts a transaction that takes longer (10 s later at most); also how long a step
    /// is tried. A job may take any time: transactions hold what is complete.
    std::chrono::milliseconds transaction_timeout{10'000};
    std::function<void(int level, const std::string& text)> log = {}; ///< syslog's levels
    /// Unset: a stable fetch of the group's offsets.
    std::shared_ptr<lookup_port> lookup = {};
    /// Whether the group's offset and metadata are what was sent. Unset: they are equal.
    std::function<bool(const partition_offset& sent, const partition_offset& found)> same = {};
  };

  /// errc::bad_config names what is wrong with the config. Opening begins at once, on the chain's
  /// threads; what goes wrong there (no broker, the embedded one) comes to `progress`, which must
  /// outlive the chain.
  static caf::expected<std::unique_ptr<transaction_chain>> make(config cfg,
                                                                progress_port& progress);

  /// Aborts what is open; a commit under way is waited for. Takes 5 s when the broker does not
  /// answer, twice that and transaction_timeout at most.
  ~transaction_chain();

  // -- any thread --------------------------------------------------------------------------------

  /// Takes a transaction. errc::wrong_state when it has no parts or no group, its epoch was
  /// aborted, or the chain is over.
  caf::expected<number> submit(transaction what);

  /// A transaction submitted now would wait for one that is being handed over, and no other.
  bool ready() const;

  /// Transactions that are neither committed nor dropped.
  size_t waiting() const;

  /// Aborts all that is open of this assignment epoch and earlier ones, and takes no more of it.
  /// Returns when none is open: they are committed (their commit was under way) or aborted, and
  /// `progress` has heard of it. errc::timed_out: a commit's outcome is still not known, or the
  /// broker does not answer; none of the others can be committed any more all the same.
  caf::error abort_all(uint64_t epoch, std::chrono::milliseconds timeout);

  /// The answer to `aborted`: under this membership all that waits goes out again, in order, but
  /// for parts of partitions that are not ours any more. Returns the transactions that are dropped
  /// because nothing is left of them; errc::wrong_state when nobody asked, or the membership is of
  /// an epoch that was aborted.
  caf::expected<std::vector<number>> resume(
    const group_metadata& group, const std::function<bool(const topic_partition&)>& still_ours);

private:
  struct impl;
  explicit transaction_chain(std::unique_ptr<impl> ptr);
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom::kafka
