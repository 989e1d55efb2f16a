// Somebody asks for a source's full state. It is answered once: by the source actor when it has
// heard from the partitions, or, when its message is dropped on the way because the source is
// ending, by itself with what the board shows. Any thread, one after the other.
#pragma once

#include <keyloom/source_state.hpp>

#include <functional>

namespace keyloom::actors {

class state_request {
public:
  using answer_function = std::function<void(source_state)>;

  /// `done` is called once and must not throw or block; `otherwise` says what it gets when nobody
  /// answers.
  state_request(answer_function done, std::function<source_state()> otherwise)
    : done_(std::move(done)), otherwise_(std::move(otherwise)) {}
  state_request(const state_request&) = delete;
  state_request& operator=(const state_request&) = delete;

  ~state_request() {
    if (done_)
      done_(otherwise_());
  }

  /// Once.
  void answer(source_state what) { std::exchange(done_, nullptr)(std::move(what)); }

private:
  answer_function done_;
  std::function<source_state()> otherwise_;
};

} // namespace keyloom::actors
