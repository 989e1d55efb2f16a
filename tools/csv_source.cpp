#include "tools/csv_source.hpp"

#include <keyloom/errc.hpp>

#include <algorithm>

namespace keyloom::tools {

std::string base_name(const std::string& path) {
  auto name = path.substr(path.find_last_of('/') + 1);
  for (std::string_view ending : {".gz", ".csv"})
    if (name.ends_with(ending) && (ending == ".csv" || name.ends_with(".csv.gz")))
      name.resize(name.size() - ending.size());
  return name;
}

caf::expected<std::unique_ptr<load_source>> csv_source::open(const std::string& path,
                                                             const std::string& key_column,
                                                             std::optional<uint64_t> limit) {
  std::unique_ptr<csv_source> result{new csv_source(path)};
  if (auto err = result->survey(key_column))
    return err;
  if (auto err = result->rewind())
    return err;
  result->rows_ = std::min(result->rows_, limit.value_or(result->rows_));
  return std::unique_ptr<load_source>{std::move(result)};
}

// Encodes every row as well, so that a cell that cannot be sent is found before the first one is.
caf::error csv_source::survey(const std::string& key_column) {
  if (auto err = rewind())
    return err;
  auto key = schema_.find(key_column);
  if (!key)
    return caf::make_error(errc::bad_config, "--key-column: " + path_ + " has no column \""
                                               + key_column + "\"; it has: " + schema_.names());
  key_column_ = *key;
  std::string value;
  for (;;) {
    auto more = reader_->next(cells_);
    if (!more)
      return name_line(more.error());
    if (!*more)
      return {};
    if (auto err = schema_.observe(cells_))
      return name_line(err);
    if (auto err = schema_.encode(cells_, value))
      return name_line(err);
    ++rows_;
  }
}

// Keeps the schema once it is there.
caf::error csv_source::rewind() {
  auto text = open_text_file(path_);
  if (!text)
    return std::move(text.error());
  text_ = std::move(*text);
  reader_.emplace(*text_);
  auto more = reader_->next(cells_);
  if (!more)
    return name_line(more.error());
  if (!*more)
    return caf::make_error(errc::decode_failed, path_ + " is empty: it has no header row");
  if (rows_ > 0)
    return {};
  auto schema = csv_schema::make(cells_);
  if (!schema)
    return name_line(schema.error());
  schema_ = std::move(*schema);
  return {};
}

caf::expected<bool> csv_source::next(outgoing_record& rec) {
  if (sent_ == rows_)
    return false;
  auto more = reader_->next(cells_);
  if (!more)
    return name_line(more.error());
  if (!*more || cells_.size() <= key_column_)
    return caf::make_error(errc::decode_failed, path_ + " has changed while it was read");
  ++sent_;
  rec.type = type_;
  if (cells_[key_column_].empty())
    rec.key.reset();
  else
    rec.key = cells_[key_column_];
  if (!rec.value)
    rec.value.emplace();
  if (auto err = schema_.encode(cells_, *rec.value))
    return name_line(err);
  return true;
}

caf::error csv_source::name_line(const caf::error& reason) const {
  return caf::make_error(errc::decode_failed, path_ + ", line " + std::to_string(reader_->line())
                                                + ": " + describe(reason));
}

} // namespace keyloom::tools
