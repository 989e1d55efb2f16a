#include "tools/file_settings.hpp"

#include "actors/settings.hpp"

#include <array>

namespace keyloom::tools {

caf::error use_file(const cluster_access& access, source_config& into) {
  if (auto err = actors::read_settings(access.file(), into))
    return err;
  into.brokers = access.brokers();
  into.kafka = access.kafka();
  into.connect_timeout = access.timeout();
  return {};
}

caf::error use_file(const common_options& options, actors::program_config& into) {
  if (options.config_file.empty())
    return {};
  // As a program on exec_main does with such a command line.
  auto file = "--config-file=" + options.config_file;
  std::string program = "keyloom";
  std::array<char*, 2> arguments{program.data(), file.data()};
  if (auto err = into.read(arguments.size(), arguments.data()))
    return err;
  caf::settings kept;
  if (const auto* log = caf::get_if<caf::settings>(&into.content, "keyloom.log"))
    kept["log"] = *log;
  into.content["keyloom"] = std::move(kept);
  return {};
}

} // namespace keyloom::tools
