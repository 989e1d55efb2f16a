#include "runtime/core/store_turns.hpp"

namespace keyloom::core {

void store_turns::begin() {
  if (changes_ != nullptr)
    changes_->clear();
  touched_ = false;
  damaged_ = false;
  store_.begin_turn();
}

void store_turns::record(const change& what) {
  if (changes_ == nullptr) {
    if (free_.empty())
      free_.push_back(&storage_->emplace_back());
    changes_ = free_.back();
    free_.pop_back();
  }
  changes_->add(what);
}

void store_turns::fill_reads(output_gate::access& to) {
  reads_.clear();
  to.touched = touched_;
  if (auto* noted = store_.reads()) {
    reads_ = noted->keys;
    to.scanned = noted->all;
  }
  to.reads = reads_;
}

output_gate::access store_turns::end() {
  output_gate::access result;
  fill_reads(result);
  writes_.clear();
  if (changes_ != nullptr && !changes_->empty()) {
    for (size_t i = 0; i < changes_->size(); ++i)
      writes_.push_back((*changes_)[i].key_hash);
    result.changes = std::exchange(changes_, nullptr);
  }
  result.writes = writes_;
  store_.end_turn();
  return result;
}

output_gate::access store_turns::reads_alone() {
  output_gate::access result;
  fill_reads(result);
  return result;
}

bool store_turns::undo() {
  auto had_changed = changed();
  if (changes_ != nullptr)
    changes_->clear();
  damaged_ = false;
  return store_.undo_turn() || !had_changed;
}

void store_turns::recycle(turn_changes& changes) {
  changes.clear();
  free_.push_back(&changes);
}

} // namespace keyloom::core
