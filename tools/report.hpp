// What a sub-command says when it is done, and the exit code it ends with: its result on stdout,
// one JSON object with --json or the same fields as lines for people, and why it failed on stderr.
// Pure functions but for the writing; one thread.
#pragma once

#include "tools/progress.hpp"

#include <caf/error.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace keyloom::tools {

enum exit_codes : int {
  exit_ok = 0,          ///< what the sub-command claims holds
  exit_failed = 1,      ///< it does not, or the work could not be done
  exit_usage = 2,       ///< an option or a property that cannot work
  exit_unreachable = 3, ///< no broker, or no inspector, answered within --timeout
};

/// The exit code for an error that ends a sub-command.
int exit_code(const caf::error& err);

/// Writes `text` to stderr as the reason of a failure.
void complain(std::string_view text);

/// Writes why a sub-command failed to stderr and returns its exit code.
int fail(const caf::error& err);

/// Prints `report`, an object, as one line of JSON; or else `headline`, when there is one, and a
/// line for each of its numbers and texts. Bytes that are not UTF-8 are replaced.
void print_report(const nlohmann::ordered_json& report, bool json,
                  const std::string& headline = {});

/// `value` with as many decimals as a reader wants to see.
double rounded(double value, int digits = 3);

} // namespace keyloom::tools
