#include "tools/csv_schema.hpp"

#include <keyloom/errc.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace keyloom::tools {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Drops the leading digits of `text`; false when there are none.
bool skip_digits(std::string_view& text) {
  auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  auto count = static_cast<size_t>(end - text.begin());
  text.remove_prefix(count);
  return count > 0;
}

bool skip_any_of(std::string_view characters, std::string_view& text) {
  if (text.empty() || characters.find(text.front()) == std::string_view::npos)
    return false;
  text.remove_prefix(1);
  return true;
}

caf::expected<std::string> quoted(const std::string& text, const std::string& what) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    return caf::make_error(errc::decode_failed,
                           what + " is not UTF-8; convert the file first, e.g. with iconv");
  }
}

} // namespace

bool is_json_number(std::string_view text) {
  skip_any_of("-", text);
  if (!skip_any_of("0", text) && !skip_digits(text))
    return false;
  if (skip_any_of(".", text) && !skip_digits(text))
    return false;
  if (skip_any_of("eE", text)) {
    skip_any_of("+-", text);
    if (!skip_digits(text))
      return false;
  }
  return text.empty();
}

caf::expected<csv_schema> csv_schema::make(const std::vector<std::string>& header) {
  csv_schema result;
  for (const auto& name : header) {
    if (result.find(name))
      return caf::make_error(errc::decode_failed, "two columns are called \"" + name + "\"");
    auto json_name = quoted(name,
                            "the name of column " + std::to_string(result.columns_.size() + 1));
    if (!json_name)
      return std::move(json_name.error());
    result.columns_.push_back({name, std::move(*json_name)});
  }
  return result;
}

std::optional<size_t> csv_schema::find(std::string_view name) const {
  auto same = [name](const column& x) { return x.name == name; };
  auto i = std::find_if(columns_.begin(), columns_.end(), same);
  if (i == columns_.end())
    return std::nullopt;
  return static_cast<size_t>(i - columns_.begin());
}

std::string csv_schema::names() const {
  std::string result;
  for (const auto& each : columns_)
    result += (result.empty() ? "" : ", ") + each.name;
  return result;
}

caf::error csv_schema::observe(const std::vector<std::string>& cells) {
  if (cells.size() != columns_.size())
    return caf::make_error(errc::decode_failed, "there are " + std::to_string(cells.size())
                                                  + " cells, but " + std::to_string(columns_.size())
                                                  + " columns");
  for (size_t i = 0; i < cells.size(); ++i)
    if (columns_[i].numeric && !cells[i].empty())
      columns_[i].numeric = is_json_number(cells[i]);
  return {};
}

caf::error csv_schema::encode(const std::vector<std::string>& cells, std::string& into) const {
  into = '{';
  for (size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].empty())
      continue;
    const auto& each = columns_[i];
    into += into.size() > 1 ? "," : "";
    into += each.json_name;
    into += ':';
    if (each.numeric) {
      into += cells[i];
      continue;
    }
    auto text = quoted(cells[i], "the cell of column " + each.name);
    if (!text)
      return std::move(text.error());
    into += *text;
  }
  into += '}';
  return {};
}

} // namespace keyloom::tools
