// Addresses that only this machine reaches. Pure.
#pragma once

#include <string_view>

namespace keyloom::http {

inline bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

} // namespace keyloom::http
