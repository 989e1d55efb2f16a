// Naive async: an asynchronous client of your own, and an event that is completed when its callback
// comes.
//
// For each leg a weather service is asked through a client that answers by callback, on a thread of
// its own. The handler gives the client a completion and returns `incomplete`: the event stays
// open, the handler of the next one runs at once. The callback, on whatever thread, calls the
// completion; then the finalizer runs, back in the partition, with the store in its hands if there
// is one. Offsets are committed in order all the same, when all before them is done.
//
//   examples/run.sh 01_naive_async       runs it on an embedded broker with a month of flights
//
// When to choose it: the work is asynchronous already, its order does not matter, and whoever does
// it bounds how much it takes on. Nothing here holds back a flood of calls but the source's
// `credit` (records of a partition that are in flight), and calls of one key overlap. Where one of
// these matters, a stage is the better choice: it orders a key's calls and bounds them all.
#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

struct leg {
  std::string dest;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(leg, dest)

// A client library such as there are many: takes a request and a callback, answers when it can.
class weather_client {
public:
  using callback = std::function<void(bool clear)>;

  weather_client() {
    for (int i = 0; i < 32; ++i)
      threads_.emplace_back([this] { answer(); });
  }

  ~weather_client() {
    {
      std::lock_guard guard{mutex_};
      closed_ = true;
    }
    changed_.notify_all();
    for (auto& each : threads_)
      each.join();
  }

  void ask(std::string airport, callback then) {
    {
      std::lock_guard guard{mutex_};
      requests_.emplace_back(std::move(airport), std::move(then));
    }
    changed_.notify_one();
  }

private:
  void answer() {
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [this] { return closed_ || !requests_.empty(); });
      if (requests_.empty())
        return;
      auto [airport, then] = std::move(requests_.front());
      requests_.pop_front();
      lock.unlock();
      std::this_thread::sleep_for(std::chrono::milliseconds{2}); // the network
      then(airport != "ORD");                                    // it is January
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::string, callback>> requests_; // guarded by mutex_
  bool closed_ = false;                                   // guarded by mutex_
  std::vector<std::thread> threads_;
};

int run(caf::actor_system& system) {
  using namespace keyloom;
  weather_client client;
  std::atomic<int> clear = 0, snow = 0;
  event_source<> source{system, {.group = "naive", .topic = "legs"}};

  source.on<leg>("legs-2013-01", json<leg>{}, [&](context<>& ctx, leg flown) {
    auto good = std::make_shared<std::atomic<bool>>(false); // from the callback to the finalizer
    auto done = ctx.job_complete([&, good](context<>&) {
      ++(*good ? clear : snow);
      return complete;
    });
    client.ask(flown.dest, [=](bool is_clear) {
      *good = is_clear;
      done(); // from the client's thread; done.fail(error) would fail the event
    });
    return incomplete;
  });

  auto code = source.run();
  std::cout << "legs into clear sky: " << clear << ", into snow: " << snow << "\n";
  return code;
}

int main(int argc, char** argv) {
  return keyloom::exec_main(argc, argv, run);
}
