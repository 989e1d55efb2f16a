// By what `keyloom verify` knows a record again in the output: a fingerprint of 64 bits. Records
// made by `load` (a JSON object with integers `n` and `i`) are known by those two, whatever else
// the worker added; other JSON objects by their content without `d` and `c`, which `work` adds;
// anything else by its bytes. Two records of a key with the same fingerprint are taken for equal:
// one chance in 10^7 for a topic of millions of records. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace keyloom::tools {

/// The counters of a record made by `load`.
struct load_counters {
  int64_t n = 0; ///< counts the records of the key
  int64_t i = 0; ///< counts all records
};

/// The counters in `value`; nothing unless it is a JSON object with integers `n` and `i` at its
/// top. A scan of some 100 ns, which trusts what is nested inside strings, arrays and objects.
std::optional<load_counters> find_load_counters(std::string_view value);

/// The fingerprint of a value; a null `data()` is a null value, which is not an empty one.
uint64_t fingerprint_of(std::string_view value);

/// The fingerprint of a key.
uint64_t fingerprint_of_key(std::string_view key);

} // namespace keyloom::tools
