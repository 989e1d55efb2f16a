#include "tools/csv_table.hpp"

#include "tools/csv_reader.hpp"
#include "tools/csv_source.hpp"

#include <keyloom/errc.hpp>

#include <iterator>
#include <utility>

namespace keyloom::tools {

caf::expected<csv_table> csv_table::read(const std::string& path) {
  auto text = open_text_file(path);
  if (!text)
    return std::move(text.error());
  return parse(**text, path);
}

caf::expected<csv_table> csv_table::parse(text_source& text, const std::string& path) {
  csv_table result;
  result.path_ = path;
  csv_reader reader{text};
  auto name_line = [&](const caf::error& reason) {
    return caf::make_error(errc::decode_failed, path + ", line " + std::to_string(reader.line())
                                                  + ": " + describe(reason));
  };
  std::vector<std::string> row;
  for (;;) {
    auto more = reader.next(row);
    if (!more)
      return name_line(more.error());
    if (!*more)
      break;
    if (auto err = result.add_row(row))
      return name_line(err);
  }
  if (result.columns_.empty())
    return caf::make_error(errc::decode_failed, path + " is empty: it has no header row");
  return result;
}

// Encodes the row as well, so that a cell that cannot be JSON is found here and `json` cannot fail.
caf::error csv_table::add_row(std::vector<std::string>& row) {
  if (columns_.empty()) {
    auto schema = csv_schema::make(row);
    if (!schema)
      return std::move(schema.error());
    schema_ = std::move(*schema);
    columns_ = std::move(row);
    return {};
  }
  if (auto err = schema_.observe(row))
    return err;
  std::string encoded;
  if (auto err = schema_.encode(row, encoded))
    return err;
  std::move(row.begin(), row.end(), std::back_inserter(cells_));
  return {};
}

std::string csv_table::json(size_t row) const {
  auto first = cells_.begin() + static_cast<std::ptrdiff_t>(row * columns_.size());
  std::vector<std::string> cells(first, first + static_cast<std::ptrdiff_t>(columns_.size()));
  std::string result;
  // `parse` has encoded every row; it would have refused the file.
  if (auto err = schema_.encode(cells, result))
    return "{}";
  return result;
}

std::string csv_table::base_name() const {
  return tools::base_name(path_);
}

} // namespace keyloom::tools
