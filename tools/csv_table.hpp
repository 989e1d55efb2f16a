// A CSV file in memory, plain or gzip, for those who want its cells and not only its records:
// csv_reader splits it, csv_schema says which columns are numeric. The first row names the columns.
// Values only: after reading, any thread may read it.
#pragma once

#include "tools/csv_schema.hpp"
#include "tools/text_source.hpp"

#include <caf/expected.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyloom::tools {

class csv_table {
public:
  /// Reads `path`, gzip or not. errc::bad_config: no such file; errc::decode_failed names the line
  /// that is not CSV, or not UTF-8.
  static caf::expected<csv_table> read(const std::string& path);

  /// As `read`, of a text that is at hand; `path` is for messages and `base_name`.
  static caf::expected<csv_table> parse(text_source& text, const std::string& path);

  const std::vector<std::string>& columns() const { return columns_; }

  /// Number of rows below the one with the names.
  size_t rows() const { return cells_.size() / columns_.size(); }

  const std::string& cell(size_t row, size_t column) const {
    return cells_[row * columns_.size() + column];
  }

  /// Index of the column called `name`.
  std::optional<size_t> column(std::string_view name) const { return schema_.find(name); }

  bool is_numeric(size_t column) const { return schema_.is_numeric(column); }

  /// The row as a JSON object: columns in their order, empty cells left out, numbers as written.
  std::string json(size_t row) const;

  /// The file's name without folders, `.gz` and `.csv`.
  std::string base_name() const;

private:
  csv_table() = default;

  caf::error add_row(std::vector<std::string>& row);

  std::string path_;
  csv_schema schema_;
  std::vector<std::string> columns_;
  std::vector<std::string> cells_; ///< row by row
};

} // namespace keyloom::tools
