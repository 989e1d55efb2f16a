// The promise to answer one job of an asynchronous function: `async(f)` gives f one for each job.
// Fulfil it once, on any thread, while f runs or long after; keep it wherever the operation keeps
// its callbacks. The job and its key stay valid until it is fulfilled or dropped, and not a moment
// longer.
//
// A completion that is destroyed unfulfilled fails its job with errc::completion_dropped, so that
// no event waits for ever for an operation that was forgotten. Fulfilling one whose job nobody
// waits for any more (its partition was given up, its timeout has passed, its source stopped or is
// gone) is harmless.
//
// Movable, not copyable; where a library wants copyable callbacks, keep it in a std::shared_ptr.
// Moving it and fulfilling it belong to one thread at a time; should two threads fulfil the same
// one at once all the same, one of them wins and the other is told.
#pragma once

#include <keyloom/detail/job.hpp>
#include <keyloom/errc.hpp>

#include <caf/intrusive_ptr.hpp>
#include <caf/make_counted.hpp>
#include <caf/ref_counted.hpp>

#include <atomic>
#include <memory>

namespace keyloom {

namespace detail {

/// Where ended calls go. Any thread.
class completion_port : public caf::ref_counted {
public:
  /// Takes the call, which has its result.
  virtual void completed(std::unique_ptr<job> call) noexcept = 0;
};

using completion_port_ptr = caf::intrusive_ptr<completion_port>;

} // namespace detail

template <class Result>
class completion {
public:
  /// Made by the runtime; takes the call.
  completion(std::unique_ptr<detail::result_job<Result>> call, detail::completion_port_ptr to)
    : call_(call.release()), to_(std::move(to)) {}

  completion(completion&& other) noexcept
    : call_(other.call_.exchange(nullptr)), to_(std::move(other.to_)) {}

  completion& operator=(completion&& other) noexcept {
    if (this != &other) {
      drop();
      to_ = std::move(other.to_);
      call_ = other.call_.exchange(nullptr);
    }
    return *this;
  }

  ~completion() { drop(); }

  /// Answers the job with a result or an error. Returns nothing when that was taken, and
  /// errc::wrong_state when the completion was fulfilled before or moved from, in which case what
  /// is given here is dropped.
  caf::error fulfil(caf::expected<Result> result) {
    auto* call = call_.exchange(nullptr);
    if (call == nullptr)
      return caf::make_error(errc::wrong_state,
                             to_ == nullptr
                               ? "this completion was moved from; fulfil the one it was moved to"
                               : "this completion was fulfilled already; only the first result "
                                 "counts");
    if constexpr (!std::is_void_v<Result>)
      if (!result && !result.error())
        result = caf::make_error(errc::processor_failed,
                                 "the completion was fulfilled with an empty error; give it a "
                                 "result, or an error that says what failed");
    settle(*call, std::move(result));
    return {};
  }

  caf::error fulfil()
    requires std::is_void_v<Result>
  {
    return fulfil(caf::expected<void>{});
  }

  /// The same, for who need not know why: true when the result was taken.
  bool operator()(caf::expected<Result> result) { return !fulfil(std::move(result)); }

  bool operator()()
    requires std::is_void_v<Result>
  {
    return !fulfil();
  }

private:
  void drop() noexcept {
    if (auto* call = call_.exchange(nullptr))
      settle(*call, caf::make_error(errc::completion_dropped,
                                    "the completion was dropped without a result; fulfil it on "
                                    "every path, also where the operation fails or is cancelled"));
  }

  void settle(detail::result_job<Result>& call, caf::expected<Result>&& result) noexcept {
    detail::set_result(call, std::move(result));
    to_->completed(std::unique_ptr<detail::job>{&call});
  }

  std::atomic<detail::result_job<Result>*> call_;
  detail::completion_port_ptr to_;
};

} // namespace keyloom
