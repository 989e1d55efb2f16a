// Message types of the handler actors in the integration tests.
#pragma once

#include <caf/actor.hpp>
#include <caf/type_id.hpp>

#include <string>
#include <vector>

namespace keyloom::test {

/// A job for a handler actor in a test.
struct question {
  int number = 0;
  std::string key = {};
};

template <class Inspector>
bool inspect(Inspector& f, question& x) {
  return f.object(x).fields(f.field("number", x.number), f.field("key", x.key));
}

} // namespace keyloom::test

CAF_BEGIN_TYPE_ID_BLOCK(keyloom_test, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(keyloom_test, (keyloom::test::question))
  CAF_ADD_TYPE_ID(keyloom_test, (std::vector<std::string>))
CAF_END_TYPE_ID_BLOCK(keyloom_test)
