// Protobuf through any message class that protoc generated. Opt-in: keyloom itself does not need
// Protobuf, a program that includes this links it (protobuf::libprotobuf, pkg-config protobuf or
// protobuf-lite).
#pragma once

#include <keyloom/codec.hpp>

#include <google/protobuf/message_lite.h>

#include <limits>
#include <stdexcept>

namespace keyloom {

/// Bytes as Protobuf's SerializeToString writes them; without the frame that schema registries put
/// before it.
template <std::derived_from<google::protobuf::MessageLite> Message>
struct protobuf {
  /// errc::decode_failed names the message type, and the required fields that are missing.
  caf::expected<Message> decode(std::string_view bytes) const {
    Message result;
    if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())
        || !result.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size())))
      return caf::make_error(errc::decode_failed, "the " + std::to_string(bytes.size())
                                                    + " bytes are not a Protobuf message "
                                                    + result.GetTypeName());
    if (!result.IsInitialized())
      return caf::make_error(errc::decode_failed, lacks(result));
    return result;
  }

  /// Throws std::invalid_argument for a message that lacks a required field or is over 2 GiB; in a
  /// turn that fails the event.
  std::string encode(const Message& value) const {
    if (!value.IsInitialized())
      throw std::invalid_argument(lacks(value));
    std::string result;
    if (!value.SerializePartialToString(&result))
      throw std::invalid_argument("a Protobuf message " + value.GetTypeName() + " is too large");
    return result;
  }

private:
  static std::string lacks(const Message& value) {
    return "a Protobuf message " + value.GetTypeName()
           + " lacks required fields: " + value.InitializationErrorString();
  }
};

} // namespace keyloom
