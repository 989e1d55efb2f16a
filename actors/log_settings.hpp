// How the configuration wants lines to be logged: keyloom.log.level, .levels, .format. Pure; any
// thread.
#pragma once

#include "runtime/log/logger.hpp"

#include <caf/fwd.hpp>

namespace keyloom::actors {

/// What is wrong in it was told when it was read; here the default takes its place.
log::settings read_log_settings(const caf::settings& content);

} // namespace keyloom::actors
