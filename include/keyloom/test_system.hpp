// An actor system for tests that define sources and do not start them: one idle thread, no
// configuration from outside, keyloom's message types registered. It converts to what the
// constructor of `event_source` takes and must outlive the source.
#pragma once

#include <caf/fwd.hpp>

#include <memory>

namespace keyloom {

class test_system {
public:
  test_system();
  test_system(const test_system&) = delete;
  test_system& operator=(const test_system&) = delete;
  ~test_system();

  operator caf::actor_system&();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom
