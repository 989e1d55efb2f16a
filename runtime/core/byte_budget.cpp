#include "runtime/core/byte_budget.hpp"

#include <algorithm>

namespace keyloom::core {

std::shared_ptr<byte_budget::account> byte_budget::open() {
  open_.fetch_add(1);
  return std::make_shared<account>(shared_from_this());
}

int64_t byte_budget::share() const {
  return limit_ / std::max<int64_t>(open_, 1);
}

void byte_budget::account::hold(int64_t bytes) {
  held_.fetch_add(bytes);
  auto now = budget_->held_.fetch_add(bytes) + bytes;
  auto& max = budget_->held_max_;
  for (auto seen = max.load(); seen < now && !max.compare_exchange_weak(seen, now);) {
    // another account moved the maximum: look again
  }
}

void byte_budget::account::give_back(int64_t bytes) {
  held_.fetch_sub(bytes);
  budget_->held_.fetch_sub(bytes);
}

void byte_budget::account::close() {
  if (open_.exchange(false))
    budget_->open_.fetch_sub(1);
}

} // namespace keyloom::core
