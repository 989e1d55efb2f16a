// CAF's configuration for programs on keyloom: CAF's own options, and those of the settings table.
// Reads command line and configuration file with errors that name the nearest right thing. Made and
// read by the main thread, before the actor system.
#pragma once

#include <caf/actor_system_config.hpp>

#include <string>
#include <vector>

namespace keyloom::actors {

class program_config : public caf::actor_system_config {
public:
  program_config();

  /// Reads the configuration file (--config-file, else caf-application.conf where it exists), then
  /// the command line, and prints what --help and its like ask for (then `cli_helptext_printed`).
  /// errc::bad_config says what is wrong with which option, setting or line, and what is right.
  caf::error read(int argc, char** argv);

  /// What --help prints: the settings, with unit, default and range.
  static std::string settings_help();

private:
  caf::error read_file(const std::vector<std::string>& arguments);
  caf::error sync_options(const std::string& path);
  caf::error explain(const caf::error& problem) const;
  caf::error unknown_option(const std::string& argument) const;
};

} // namespace keyloom::actors
