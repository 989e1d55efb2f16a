// Reads configuration files in CAF's syntax, and mends what CAF 0.18.7 does with them: one key with
// a dot in it (commit.interval = 50ms), or a brace that is never closed, makes it drop everything
// the file says, without a word. Here such a key is what CAF's manual says it is: short for a
// group, and the brace is an error. Pure functions; any thread.
#pragma once

#include <caf/expected.hpp>
#include <caf/settings.hpp>

#include <string>
#include <string_view>

namespace keyloom::actors {

/// The content of a text. errc::bad_config says in which line, and why.
caf::expected<caf::settings> parse_config(std::string_view text);

/// The content of a file. errc::bad_config names the file, and says in which line, and why.
caf::expected<caf::settings> read_config_file(const std::string& path);

/// Adds `from`; where both have a value, that of `from` counts.
void merge(const caf::settings& from, caf::settings& into);

} // namespace keyloom::actors
