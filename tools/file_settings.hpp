// What the configuration file of `--config` says to the sub-commands that run an event source: the
// file wins over the defaults, the command line over the file. Pure functions; any thread.
#pragma once

#include "actors/program_config.hpp"
#include "tools/cluster_access.hpp"

#include <keyloom/source_config.hpp>

namespace keyloom::tools {

/// Sets what the file says, and how to reach the cluster. Options of the command line are set
/// afterwards.
caf::error use_file(const cluster_access& access, source_config& into);

/// Sets what the file says of CAF and of logging; not what it says of event sources, which would
/// win over the command line there.
caf::error use_file(const common_options& options, actors::program_config& into);

} // namespace keyloom::tools
