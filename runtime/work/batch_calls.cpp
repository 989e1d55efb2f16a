#include "runtime/work/batch_calls.hpp"

namespace keyloom::work {

void batch_inbox::put(core::batch& executed) {
  std::lock_guard guard{mutex_}; // also while waking: `wake` must not outlive `close`
  executed_.push_back(&executed);
  if (executed_.size() == 1 && wake_)
    wake_();
}

std::vector<core::batch*> batch_inbox::take() {
  std::lock_guard guard{mutex_};
  return std::exchange(executed_, {});
}

void batch_inbox::close(std::unique_ptr<core::batcher> kept) {
  std::lock_guard guard{mutex_};
  wake_ = nullptr;
  kept_ = std::move(kept);
}

void batch_calls::call(detail::batcher_base& definition, core::batch& items,
                       std::shared_ptr<batch_inbox> to) {
  std::shared_ptr<thread_set>
    threads; // outlives the call of it, also when we are stopped meanwhile
  {
    std::lock_guard guard{mutex_};
    if (stopped_)
      return;
    ++called_;
    threads = threads_;
  }
  threads->call([this, &definition, &items, to = std::move(to)]() mutable {
    if (begin()) {
      core::execute(definition, items);
      to->put(items);
    }
    to = nullptr; // before `stop` may return: it may keep the batch
    end();
  });
}

bool batch_calls::begin() {
  std::lock_guard guard{mutex_};
  ++running_;
  return !stopped_;
}

void batch_calls::end() {
  std::lock_guard guard{mutex_};
  --running_;
  --called_;
  ended_.notify_all(); // under the lock: who waits may destroy us next
}

void batch_calls::stop() {
  std::shared_ptr<thread_set> last; // of those who share it, perhaps: it then waits for its threads
  std::unique_lock lock{mutex_};
  stopped_ = true;
  ended_.wait(lock, [this] { return called_ == 0; });
  last.swap(threads_);
  lock.unlock();
}

size_t batch_calls::running() const {
  std::lock_guard guard{mutex_};
  return running_;
}

} // namespace keyloom::work
