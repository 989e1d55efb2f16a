// JSON through nlohmann_json: any type with its macros (NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE and
// friends). Opt-in, because the library's header is heavy.
#pragma once

#include <keyloom/codec.hpp>

#include <nlohmann/json.hpp>

namespace keyloom {

template <class T>
struct json {
  /// errc::decode_failed with the parser's words: what it expected, and at which byte.
  caf::expected<T> decode(std::string_view bytes) const {
    try {
      return nlohmann::json::parse(bytes).template get<T>();
    } catch (const nlohmann::json::exception& ex) {
      return caf::make_error(errc::decode_failed,
                             std::string{"not the expected JSON: "} + ex.what());
    }
  }

  /// Throws nlohmann::json::exception for what JSON cannot hold, e.g. a string that is not UTF-8;
  /// in a turn that fails the event.
  std::string encode(const T& value) const { return nlohmann::json(value).dump(); }
};

} // namespace keyloom
