// Keys in messages: a key may be any bytes and up to a record's size, a log line may not. Any
// thread.
#pragma once

#include <string>
#include <string_view>

namespace keyloom::core {

/// The key in quotes: at most 100 of its bytes, and what is no printable UTF-8 as \xNN.
std::string shown_key(std::string_view key);

} // namespace keyloom::core
