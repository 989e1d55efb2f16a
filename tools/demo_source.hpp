// The event source of `keyloom demo`: legs keyed by aircraft. For each leg the aircraft is looked
// up in a database, off the partition and for many aircraft at once; then, back in the partition
// and in the aircraft's order, its ledger is updated and a record is sent that holds the leg, the
// aircraft and the ledger.
#pragma once

#include "tools/demo.hpp"
#include "tools/plane_table.hpp"

#include <keyloom/event_source.hpp>

#include <map>

namespace keyloom::tools {

/// A leg as the handler reads it from the record.
struct flown_leg {
  std::string tail;
  int64_t late_min = 0; ///< minutes the departure was late; 0 when early, in time or unknown
};

/// What is known of an aircraft so far.
struct ledger_entry {
  int64_t legs = 0;
  int64_t late_min = 0;
};

/// The store of a partition: a ledger for each aircraft whose legs it holds.
class ledger {
public:
  void apply(const flown_leg& leg) {
    auto& entry = entries_[leg.tail];
    ++entry.legs;
    entry.late_min += leg.late_min;
  }

  ledger_entry of(const std::string& tail) const {
    auto i = entries_.find(tail);
    return i == entries_.end() ? ledger_entry{} : i->second;
  }

private:
  std::map<std::string, ledger_entry> entries_;
};

class demo_source {
public:
  /// `planes` must outlive the source.
  demo_source(caf::actor_system& system, source_config cfg, std::string type, std::string out,
              const plane_table& planes, std::chrono::milliseconds lookup);

  event_source<ledger>& source() { return source_; }

private:
  event_source<ledger> source_;
};

} // namespace keyloom::tools
