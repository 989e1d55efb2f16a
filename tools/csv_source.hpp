// The rows of a CSV file as records: header `type` is the file's base name, the value is the row as
// a JSON object, the key is one column's cell, null when it is empty. The file is read twice: once
// to see what the columns hold and that all of it is CSV, before anything is sent, then row by row.
// One thread.
#pragma once

#include "tools/csv_reader.hpp"
#include "tools/csv_schema.hpp"
#include "tools/load_source.hpp"

#include <memory>
#include <optional>

namespace keyloom::tools {

/// "legs" for "some/folder/legs.csv.gz".
std::string base_name(const std::string& path);

class csv_source : public load_source {
public:
  /// At most `limit` rows, all without one. errc::bad_config: no such file, or no such column (its
  /// text names those there are); errc::decode_failed: a line that is not CSV, or not UTF-8.
  static caf::expected<std::unique_ptr<load_source>> open(const std::string& path,
                                                          const std::string& key_column,
                                                          std::optional<uint64_t> limit);

  caf::expected<bool> next(outgoing_record& rec) override;
  uint64_t size() const override { return rows_; }

private:
  explicit csv_source(std::string path) : path_(std::move(path)), type_(base_name(path_)) {}

  caf::error survey(const std::string& key_column);
  caf::error rewind();
  caf::error name_line(const caf::error& reason) const;

  std::string path_;
  std::string type_;
  std::unique_ptr<text_source> text_;
  std::optional<csv_reader> reader_;
  csv_schema schema_;
  size_t key_column_ = 0;
  uint64_t rows_ = 0;
  uint64_t sent_ = 0;
  std::vector<std::string> cells_;
};

} // namespace keyloom::tools
