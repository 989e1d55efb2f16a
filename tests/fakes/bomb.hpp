// A value that throws when it is moved or copied, once, as a user's type may.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace keyloom::fakes {

struct bomb {
  /// Of all bombs: so many moves and copies from now one throws; 0: none does.
  static inline std::atomic<int> fuse = 0;

  bomb() = default;
  bomb(const bomb&) { tick(); }
  bomb(bomb&&) { tick(); } // NOLINT(performance-noexcept-move-constructor): what this is for
  bomb& operator=(const bomb&) = default;
  bomb& operator=(bomb&&) = default;
  ~bomb() = default;

private:
  static void tick() {
    if (fuse > 0 && fuse.fetch_sub(1) == 1)
      throw std::runtime_error{"a bomb"};
  }
};

} // namespace keyloom::fakes

CAF_BEGIN_TYPE_ID_BLOCK(keyloom_unit, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(keyloom_unit, (keyloom::fakes::bomb))
  CAF_ADD_TYPE_ID(keyloom_unit, (std::vector<int>))
CAF_END_TYPE_ID_BLOCK(keyloom_unit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(keyloom::fakes::bomb)
