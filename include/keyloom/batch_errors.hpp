// What a handler actor that executes batches answers: an error for each item, in their order, an
// empty one where it went well; an empty list when all went well. A value that travels in messages.
#pragma once

#include <caf/error.hpp>

#include <vector>

namespace keyloom {

struct batch_errors {
  std::vector<caf::error> of_items;
};

template <class Inspector>
bool inspect(Inspector& f, batch_errors& x) {
  return f.object(x).fields(f.field("of_items", x.of_items));
}

} // namespace keyloom
