// Interjections before they run: those that a source schedules (`schedule_interjection`), and those
// that somebody asks for (`interject`). Whoever asks is answered once, whatever becomes of it: an
// interjection that is dropped on its way, with its message or its partition, answers by itself.
#pragma once

#include <keyloom/detail/turn.hpp>
#include <keyloom/source_config.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyloom {

/// What became of an interjection in one of the partitions that `interject_all` asked.
struct interjection_result {
  std::string topic;
  int32_t partition = 0;
  caf::error reason; ///< empty: it is out
};

} // namespace keyloom

namespace keyloom::detail {

struct scheduled_interjection {
  std::string name;
  std::function<outcome(turn&, std::chrono::system_clock::time_point due)> handler;
  std::chrono::milliseconds every;
  std::chrono::milliseconds jitter;
};

using interjection_function = std::function<outcome(turn&)>;
using interjection_answers = std::function<void(std::vector<interjection_result>)>;

/// One that was asked for, in one partition. Used by one thread after the other.
class asked_interjection {
public:
  using answer_function = std::function<void(caf::error)>;

  /// `done` is called once, by whoever has it last, and must not throw.
  asked_interjection(interjection_result where, std::string name, interjection_function call,
                     answer_function done);
  asked_interjection(const asked_interjection&) = delete;
  asked_interjection& operator=(const asked_interjection&) = delete;
  ~asked_interjection();

  const std::string& name() const { return name_; }
  const std::string& topic() const { return where_.topic; }
  int32_t partition() const { return where_.partition; }
  outcome call(turn& in) { return call_(in); }

  /// Empty: it is out. Only the first answer counts.
  void answer(caf::error reason);

  /// Answers with this code and a sentence that says which interjection did not get `out`.
  void fail(errc code, const std::string& why);

private:
  interjection_result where_;
  std::string name_;
  interjection_function call_;
  answer_function done_;
};

using asked_interjection_ptr = std::shared_ptr<asked_interjection>;

} // namespace keyloom::detail
