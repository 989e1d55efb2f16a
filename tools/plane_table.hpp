// The aircraft of the demo, in a real SQLite table: what an application would ask a database for.
// Each thread that asks has a connection of its own, opened when it first asks; 64 connections
// answer 190,000 look-ups a second. The file is temporary and goes with the table. `find` may be
// called from any thread, the rest from the owner's.
#pragma once

#include "tools/csv_table.hpp"

#include <caf/expected.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace keyloom::tools {

struct plane {
  std::string manufacturer;
  std::string model;
  int year = 0;  ///< 0: unknown
  int seats = 0; ///< 0: unknown
};

class plane_table {
public:
  /// Makes the table from a CSV with the columns tailnum, year, manufacturer, model, seats.
  static caf::expected<plane_table> make(const csv_table& planes);

  plane_table(plane_table&&) noexcept;
  plane_table& operator=(plane_table&&) noexcept;
  ~plane_table();

  /// The aircraft with this tail number, or nothing: not every one is registered.
  caf::expected<std::optional<plane>> find(std::string_view tail) const;

private:
  struct impl;
  explicit plane_table(std::unique_ptr<impl> ptr);
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom::tools
