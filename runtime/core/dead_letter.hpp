// Dead letters: the record of an event that failed for good, as it goes to the dead-letter topic,
// and how such a record is turned back. Values only; any thread.
//
// A dead letter has key, value, headers and timestamp of its record, and behind them headers that
// begin with `prefix`: topic, partition and offset it had; the stage it failed in (missing where
// its handler failed); the error; the calls that were made; when it was given up, in ms since 1970.
// A record that was dead before and failed again has those of the last time only.
#pragma once

#include <keyloom/record.hpp>

#include <string>
#include <string_view>

namespace keyloom::core {

namespace dead_letter {

constexpr std::string_view prefix = "keyloom.dead-letter.";

/// Longer errors are cut, so that a letter is not refused for them.
constexpr size_t longest_error = 2000;

/// What failed, and where.
struct circumstances {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::string stage; ///< empty: none
  std::string error;
  uint32_t attempts = 1;
  int64_t time_ms = 0;
};

outgoing_record make(const std::string& to, const record& failed, const circumstances& what);

/// The record a dead letter was made of, for `to`: with its own headers only.
outgoing_record undo(const std::string& to, const record& letter);

/// Whether the record has headers of a dead letter.
bool is_one(const record& rec);

} // namespace dead_letter

} // namespace keyloom::core
