// The columns of a CSV text and how a row becomes a JSON object. A column is numeric when all its
// cells that are not empty are numbers as JSON writes them, so that 0515, a time of day, makes its
// column text; that can be known only after all rows were seen once: `observe` every row, then
// `encode` them. Pure logic; one thread.
#pragma once

#include <caf/expected.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyloom::tools {

/// Whether `text` matches JSON's grammar for a number.
bool is_json_number(std::string_view text);

class csv_schema {
public:
  /// errc::decode_failed when two columns have the same name, or a name is not UTF-8.
  static caf::expected<csv_schema> make(const std::vector<std::string>& header);

  /// The position of a column.
  std::optional<size_t> find(std::string_view name) const;

  /// All names, for people: "a, b, c".
  std::string names() const;

  /// Looks at the types of a row's cells. errc::decode_failed when their number is not the
  /// header's.
  caf::error observe(const std::vector<std::string>& cells);

  bool is_numeric(size_t position) const { return columns_[position].numeric; }

  /// Writes an observed row as a JSON object, empty cells left out, numbers as they are spelled in
  /// the text. errc::decode_failed names a column whose cell is not UTF-8.
  caf::error encode(const std::vector<std::string>& cells, std::string& into) const;

private:
  struct column {
    std::string name;
    std::string json_name; ///< quoted and escaped
    bool numeric = true;
  };

  std::vector<column> columns_;
};

} // namespace keyloom::tools
