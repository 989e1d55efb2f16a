// How values of settings are written: durations, amounts of memory, whole numbers, lists. Reads
// what CAF's configuration holds, which is a text for what came from the command line and a number,
// a duration or a list for what a configuration file has unquoted. Pure functions; any thread.
#pragma once

#include <caf/config_value.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keyloom::actors {

/// The value as the user wrote it; a text without quotes.
std::string written(const caf::config_value& value);

/// A whole number; one beyond int64_t is the greatest, or the smallest, there is.
std::optional<int64_t> to_integer(const caf::config_value& value);

/// A whole number and ns, us, ms, s, min or h, such as "100ms". What is too long to count is the
/// longest duration there is.
std::optional<std::chrono::nanoseconds> to_duration(const caf::config_value& value);

/// Bytes: a whole number, alone or with B, KiB, MiB or GiB, such as "256MiB"; no negative ones.
/// What is too much to count is the greatest amount there is.
std::optional<uint64_t> to_bytes(const caf::config_value& value);

/// A list's elements, or what a text has between its commas.
std::vector<std::string> to_list(const caf::config_value& value);

/// The shortest exact way to write it, such as "30s".
std::string show(std::chrono::milliseconds value);

/// The shortest exact way to write it, such as "256MiB".
std::string show_bytes(uint64_t value);

} // namespace keyloom::actors
