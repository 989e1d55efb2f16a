#include "tools/progress.hpp"

#include <iostream>
#include <unistd.h>

namespace keyloom::tools {

namespace {

constexpr std::chrono::milliseconds patience{2000};
constexpr std::chrono::milliseconds between{250};
constexpr const char* wipe = "\r\x1b[K";

} // namespace

std::string with_commas(uint64_t number) {
  auto result = std::to_string(number);
  for (auto at = static_cast<ptrdiff_t>(result.size()) - 3; at > 0; at -= 3)
    result.insert(static_cast<size_t>(at), 1, ',');
  return result;
}

progress::progress(std::string what)
  : what_(std::move(what)), on_terminal_(isatty(STDERR_FILENO) == 1), next_(started_ + patience) {
  // nop
}

progress::~progress() {
  finish();
}

/// Whether the line is to be written now.
bool progress::due() {
  auto now = clock::now();
  if (!on_terminal_ || now < next_)
    return false;
  next_ = now + between;
  shown_ = true;
  return true;
}

void progress::say(const std::string& text) {
  if (due())
    std::cerr << wipe << text << std::flush;
}

void progress::update(uint64_t done, uint64_t total) {
  if (!due())
    return;
  auto seconds = std::chrono::duration<double>(clock::now() - started_).count();
  std::cerr << wipe << what_ << ": " << with_commas(done);
  if (total > 0)
    std::cerr << " of " << with_commas(total);
  std::cerr << " records, "
            << with_commas(static_cast<uint64_t>(static_cast<double>(done) / seconds)) << "/s"
            << std::flush;
}

void progress::finish() {
  if (shown_)
    std::cerr << wipe << std::flush;
  shown_ = false;
}

} // namespace keyloom::tools
