// An interjection that was asked for in all partitions at once (`event_source::interject_all`):
// gathers what became of it in each and hands that on when the last part is answered. The parts
// own it; whoever makes them drops its own reference when the last one is made. Any thread.
#pragma once

#include <keyloom/detail/interjection.hpp>

#include <mutex>

namespace keyloom::work {

class interjection_round {
public:
  /// `done` is called once, by whoever answers last, and must not throw.
  interjection_round(std::string name, detail::interjection_function call,
                     detail::interjection_answers done)
    : name_(std::move(name)), call_(std::move(call)), done_(std::move(done)) {}
  interjection_round(const interjection_round&) = delete;
  interjection_round& operator=(const interjection_round&) = delete;
  ~interjection_round();

  /// The part of one partition, with a copy of the function. It keeps `self`, which is this round.
  static detail::asked_interjection_ptr part_of(const std::shared_ptr<interjection_round>& self,
                                                std::string topic, int32_t partition);

private:
  std::string name_;
  detail::interjection_function call_;
  detail::interjection_answers done_;
  std::mutex mutex_;
  std::vector<interjection_result> results_; // guarded by mutex_
};

} // namespace keyloom::work
