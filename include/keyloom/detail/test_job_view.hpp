// What the testkit says of a job: values that outlive it. `id` is never used again.
#pragma once

#include <cstdint>
#include <string>

namespace keyloom::detail {

struct test_job_view {
  uint64_t id = 0;
  uint32_t stage = 0;
  int32_t partition = 0;
  int64_t offset = 0;
  std::string key;
  bool keyed = true;
  uint32_t attempts = 0;
};

} // namespace keyloom::detail
