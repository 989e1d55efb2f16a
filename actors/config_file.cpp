#include "actors/config_file.hpp"

#include <keyloom/errc.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/message.hpp>
#include <caf/pec.hpp>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>
#include <vector>

namespace keyloom::actors {

namespace {

caf::error wrong(std::string text) {
  return caf::make_error(errc::bad_config, std::move(text));
}

/// Goes through a text once: puts quotes around keys with dots, which CAF takes then and `nest`
/// takes apart, and finds what is never closed, which CAF answers with no content at all.
class scanner {
public:
  explicit scanner(std::string_view text) : text_(text) {}

  caf::expected<std::string> run() {
    while (pos_ < text_.size()) {
      auto x = text_[pos_];
      if (x == '"' || x == '\'' || x == '#')
        pass_opaque(x == '#' ? '\n' : x);
      else if (is_key_character(x))
        pass_word();
      else
        pass_sign(x);
    }
    if (open_.empty())
      return std::move(result_);
    auto [sign, where] = open_.back();
    auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(where), '\n');
    return wrong("line " + std::to_string(line) + ": this " + sign + " is never closed");
  }

private:
  static bool is_key_character(char x) {
    return std::isalnum(static_cast<unsigned char>(x)) != 0 || x == '-' || x == '_' || x == '.';
  }

  void pass(size_t count) {
    result_ += text_.substr(pos_, count);
    pos_ += count;
  }

  /// A text in quotes, or a comment.
  void pass_opaque(char close) {
    auto last = pos_ + 1;
    while (last < text_.size() && text_[last] != close)
      last += text_[last] == '\\' && close != '\n' ? 2 : 1;
    if (last >= text_.size() && close != '\n')
      open_.emplace_back(close, pos_);
    pass(std::min(last + 1, text_.size()) - pos_);
  }

  void pass_word() {
    auto last = pos_;
    while (last < text_.size() && is_key_character(text_[last]))
      ++last;
    auto word = text_.substr(pos_, last - pos_);
    auto next = text_.find_first_not_of(" \t", last);
    auto is_key = next != std::string_view::npos
                  && std::string_view{"=:{"}.find(text_[next]) != std::string_view::npos;
    auto dotted = is_key && word.find('.') != std::string_view::npos;
    if (dotted)
      result_ += '"';
    pass(word.size());
    if (dotted)
      result_ += '"';
  }

  void pass_sign(char x) {
    if (x == '{' || x == '[')
      open_.emplace_back(x, pos_);
    else if ((x == '}' || x == ']') && !open_.empty())
      open_.pop_back();
    pass(1);
  }

  std::string_view text_;
  size_t pos_ = 0;
  std::string result_;
  std::vector<std::pair<char, size_t>> open_; ///< what was opened, and where
};

void merge_value(std::string_view key, const caf::config_value& value, caf::settings& into);

/// What dotted keys stand for.
caf::settings nest(const caf::settings& from) {
  caf::settings result;
  for (const auto& [key, value] : from)
    merge_value({key.data(), key.size()}, value, result);
  return result;
}

void merge_value(std::string_view key, const caf::config_value& value, caf::settings& into) {
  auto dot = key.find('.');
  caf::string_view head{key.data(), std::min(dot, key.size())};
  if (dot != std::string_view::npos) {
    merge_value(key.substr(dot + 1), value, into[head].as_dictionary());
  } else if (const auto* group = caf::get_if<caf::settings>(&value)) {
    auto& target = into[head].as_dictionary();
    for (const auto& [name, each] : nest(*group))
      merge_value({name.data(), name.size()}, each, target);
  } else {
    into[head] = value;
  }
}

} // namespace

caf::expected<caf::settings> parse_config(std::string_view text) {
  auto mended = scanner{text}.run();
  if (!mended)
    return std::move(mended.error());
  std::istringstream in{*mended};
  auto content = caf::actor_system_config::parse_config(in);
  if (content)
    return nest(*content);
  const auto& problem = content.error();
  auto where = problem.context();
  auto line = where.match_elements<int32_t, int32_t>() ? where.get_as<int32_t>(0) : 1;
  auto reason = problem.category() == caf::type_id_v<caf::pec>
                  ? to_string(static_cast<caf::pec>(problem.code()))
                  : to_string(problem);
  return wrong("line " + std::to_string(line) + ": " + reason
               + "; texts need quotes, and values a comma or a new line between them");
}

caf::expected<caf::settings> read_config_file(const std::string& path) {
  std::ifstream file{path};
  std::stringstream text;
  if (!file || !(text << file.rdbuf()))
    return wrong("cannot read the configuration file " + path);
  auto content = parse_config(text.str());
  if (!content)
    return wrong(path + ", " + describe(content.error()));
  return content;
}

void merge(const caf::settings& from, caf::settings& into) {
  for (const auto& [key, value] : from)
    merge_value({key.data(), key.size()}, value, into);
}

} // namespace keyloom::actors
