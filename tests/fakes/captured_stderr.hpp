// What this process writes to stderr while something runs. One at a time.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <unistd.h>

namespace keyloom::test {

inline std::string captured_stderr(const std::function<void()>& what) {
  auto* file = std::tmpfile();
  auto kept = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  what();
  std::fflush(stderr);
  dup2(kept, STDERR_FILENO);
  close(kept);
  std::fseek(file, 0, SEEK_END);
  std::string result(static_cast<size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  result.resize(std::fread(result.data(), 1, result.size(), file));
  std::fclose(file);
  return result;
}

} // namespace keyloom::test
