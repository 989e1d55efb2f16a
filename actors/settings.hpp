// Settings of event sources in CAF's configuration: on the command line
// (--keyloom.commit.interval=50ms) or in a configuration file (keyloom { commit { interval = 50ms }
// }). What is found there wins over what the code set.
#pragma once

#include <keyloom/source_config.hpp>

#include <caf/actor_system_config.hpp>

namespace keyloom::actors {

/// The configuration of programs that use exec_main: CAF's own options, and keyloom's.
class program_config : public caf::actor_system_config {
public:
  program_config();
};

/// Overwrites what the configuration sets. errc::bad_config names a value of a wrong type and what
/// is allowed.
caf::error read_settings(const caf::settings& content, source_config& into);

/// errc::bad_config names the first setting that cannot work, and the allowed range.
caf::error check_settings(const source_config& cfg);

} // namespace keyloom::actors
