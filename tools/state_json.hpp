// What an inspector shows, as JSON. Times in ms, sizes in bytes; what is not known is null.
#pragma once

#include <keyloom/inspector.hpp>

#include <nlohmann/json.hpp>

namespace keyloom::tools {

nlohmann::ordered_json to_json(const system_state& from);

} // namespace keyloom::tools
