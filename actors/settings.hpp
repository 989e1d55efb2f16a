// The settings of an event source in CAF's configuration: on the command line
// (--keyloom.commit.interval=50ms) or in a configuration file (keyloom { commit { interval = 50ms }
// }). What is found there wins over what the code set. Which settings there are says the table of
// setting_table.cpp.
#pragma once

#include <keyloom/source_config.hpp>

#include <caf/settings.hpp>

namespace keyloom::actors {

/// errc::bad_config names a "keyloom" that is no group, or a group whose name is at most two edits
/// from "keyloom" and so most likely a misspelled one. Other groups are CAF's and the user's.
caf::error check_groups(const caf::settings& content);

/// Overwrites what the configuration sets. errc::bad_config, too, where check_groups says so;
/// else it names the first key below "keyloom." that is no setting, and the nearest that is one; or
/// the first value of a wrong type, unit or range, what is allowed, and the nearest right one.
caf::error read_settings(const caf::settings& content, source_config& into);

/// errc::bad_config names the first setting that cannot work, which code may have set, and the
/// allowed range.
caf::error check_settings(const source_config& cfg);

} // namespace keyloom::actors
