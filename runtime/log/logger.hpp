// The one logger of a source: lines for people on stderr, a line for each event worth knowing. Any
// thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace keyloom::log {

enum class level { debug, info, warning, error, off };

/// The level of this name, or false: debug, info, warning, error, off.
bool parse(std::string_view name, level& into);

class logger {
public:
  explicit logger(level lowest);
  ~logger();

  void debug(const std::string& line) { write(level::debug, line); }
  void info(const std::string& line) { write(level::info, line); }
  void warning(const std::string& line) { write(level::warning, line); }
  void error(const std::string& line) { write(level::error, line); }

  /// A line of the Kafka client, with syslog's level (3 error, 4 warning, 6 info, 7 debug).
  void kafka(int syslog_level, const std::string& line);

private:
  void write(level at, const std::string& line);

  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom::log
