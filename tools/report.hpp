// What a sub-command says on stdout when it is done: one JSON object with --json, or the same fields
// as lines for people. Pure function; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace keyloom::tools {

/// Prints `fields`, an object, as one line of JSON; or else `headline` and a line for each of its
/// numbers and texts.
void print_report(const std::string& headline, const nlohmann::ordered_json& fields, bool json);

/// `value` with as many decimals as a reader wants to see in JSON.
double rounded(double value);

} // namespace keyloom::tools
