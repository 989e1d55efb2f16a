// Where `load` takes its records from: made up, or the rows of a file. One thread.
#pragma once

#include <keyloom/record.hpp>

#include <caf/expected.hpp>

namespace keyloom::tools {

class load_source {
public:
  virtual ~load_source() = default;

  /// Writes the next record into `rec`, whose topic stays as it is; false when there are no more.
  /// Keeps the memory of the record before where it can.
  virtual caf::expected<bool> next(outgoing_record& rec) = 0;

  /// How many records there are in all.
  virtual uint64_t size() const = 0;
};

} // namespace keyloom::tools
