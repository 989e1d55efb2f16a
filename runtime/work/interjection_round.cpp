#include "runtime/work/interjection_round.hpp"

#include <algorithm>
#include <tuple>

namespace keyloom::work {

interjection_round::~interjection_round() {
  std::sort(results_.begin(), results_.end(), [](auto& a, auto& b) {
    return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
  });
  done_(std::move(results_));
}

detail::asked_interjection_ptr interjection_round::part_of(
  const std::shared_ptr<interjection_round>& self, std::string topic, int32_t partition) {
  interjection_result where{std::move(topic), partition, {}};
  auto answered = [self, where](caf::error reason) {
    auto result = where;
    result.reason = std::move(reason);
    std::lock_guard guard{self->mutex_};
    self->results_.push_back(std::move(result));
  };
  return std::make_shared<detail::asked_interjection>(where, self->name_, self->call_,
                                                      std::move(answered));
}

} // namespace keyloom::work
