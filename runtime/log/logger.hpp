// The one logger of a source: lines on stderr, a line for each event worth knowing, as text for
// people or as JSON objects for machines. Each line is of a component, whose level may differ from
// the others'. Any thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace keyloom::log {

enum class level { debug, info, warning, error, off };

/// The level of this name, or false: debug, info, warning, error, off.
bool parse(std::string_view name, level& into);

/// Who has something to say.
enum class component { source, partition, committer, batcher, poller, restorer, http, kafka, caf };
inline constexpr size_t components = 9;

std::string_view name_of(component x);

enum class format { text, json };

struct settings {
  level lowest = level::info;
  format shape = format::text;
  std::array<level, components> levels; ///< by component

  explicit settings(level of_all = level::info) : lowest(of_all) { levels.fill(of_all); }
};

/// Sets the levels that a text names: "kafka=debug,committer=warning". Returns what is wrong with
/// it, or nothing.
std::string parse_levels(const std::string& text, settings& into);

/// For the settings table: what such a text may be, and what is wrong with one.
std::string explain_levels();
std::string wrong_levels(const std::string& text);

class logger {
public:
  explicit logger(const settings& how);
  ~logger();

  void debug(const std::string& line) { write(component::source, level::debug, line); }
  void info(const std::string& line) { write(component::source, level::info, line); }
  void warning(const std::string& line) { write(component::source, level::warning, line); }
  void error(const std::string& line) { write(component::source, level::error, line); }

  void info(component of, const std::string& line) { write(of, level::info, line); }
  void warning(component of, const std::string& line) { write(of, level::warning, line); }
  void error(component of, const std::string& line) { write(of, level::error, line); }

  /// A line of the Kafka client, with syslog's level (3 error, 4 warning, 6 info, 7 debug).
  void kafka(int syslog_level, const std::string& line);

  void write(component of, level at, const std::string& line);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom::log
