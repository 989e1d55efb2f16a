#include "tools/demo_table.hpp"

#include <cstdio>
#include <unistd.h>

namespace keyloom::tools {

namespace {

constexpr std::chrono::milliseconds pace{250};
constexpr int bar_width = 30;

std::string bar(uint64_t done, uint64_t total) {
  auto filled = total == 0 ? 0 : static_cast<size_t>(bar_width * done / total);
  return std::string(filled, '#') + std::string(bar_width - filled, '.');
}

} // namespace

demo_table::demo_table(uint64_t total) : total_(total), on_terminal_(isatty(STDERR_FILENO) == 1) {
  // nop
}

void demo_table::update(const source_state& state) {
  auto now = clock::now();
  if (!on_terminal_ || now < next_)
    return;
  next_ = now + pace;
  if (lines_ > 0)
    std::fprintf(stderr, "\033[%zuA", lines_); // back to the table's first line
  std::fprintf(stderr, "\033[K  %s %llu of %llu legs\n", bar(state.out, total_).c_str(),
               static_cast<unsigned long long>(state.out), static_cast<unsigned long long>(total_));
  std::fprintf(stderr, "\033[K  partition  position  committed  in flight\n");
  for (auto& each : state.partitions)
    std::fprintf(stderr, "\033[K  %9d  %8lld  %9lld  %9llu\n", each.partition,
                 static_cast<long long>(each.position), static_cast<long long>(each.committed),
                 static_cast<unsigned long long>(each.in_flight));
  lines_ = state.partitions.size() + 2;
}

} // namespace keyloom::tools
