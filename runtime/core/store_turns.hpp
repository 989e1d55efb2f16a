// The turns of a partition as its store sees them: notes what a turn reads and records what it
// changes, for the output gate and the change log; takes the changes back when the turn fails. Used
// by the partition around each call of the user's code. One thread: the partition's.
//
//   begin();                              a turn begins
//   record(change) ...                    the turn changes the store (context::record_change)
//   auto done = end();                    it ended well: for output_gate::turn, valid until begin()
//   or if (!undo()) ...                   it failed; false: the store is damaged, rebuild it
#pragma once

#include "runtime/core/output_gate.hpp"
#include "runtime/core/turn_changes.hpp"

#include <keyloom/detail/change_recorder.hpp>
#include <keyloom/detail/store_port.hpp>

namespace keyloom::core {

class store_turns final : public detail::change_recorder {
public:
  explicit store_turns(detail::store_port& store) : store_(store) {}

  /// Keeps the changes, for who reads them after the partition was given up.
  std::shared_ptr<const void> kept() const { return storage_; }

  void begin();

  /// The turn was given the store to read.
  void touch() { touched_ = true; }

  void record(const change& what) override;
  void damage() override { damaged_ = true; }

  /// Whether a change was recorded in this turn, or one failed half-way.
  bool changed() const { return damaged_ || (changes_ != nullptr && !changes_->empty()); }

  /// What the turn did. Its changes are the caller's from here on; `recycle` takes them back.
  output_gate::access end();

  /// Takes the turn's changes back. What it read is told by `reads_alone`, before or after. False:
  /// the store cannot do that, and was changed.
  bool undo();

  /// What a turn read that failed, for an event that goes on by policy. Valid until `begin`.
  output_gate::access reads_alone();

  void recycle(turn_changes& changes);

private:
  void fill_reads(output_gate::access& to);

  detail::store_port& store_;
  std::shared_ptr<std::deque<turn_changes>> storage_ = std::make_shared<std::deque<turn_changes>>();
  std::vector<turn_changes*> free_;
  turn_changes* changes_ = nullptr; ///< of this turn, once there are some
  std::vector<uint64_t> reads_;
  std::vector<uint64_t> writes_;
  bool touched_ = false;
  bool damaged_ = false;
};

} // namespace keyloom::core
