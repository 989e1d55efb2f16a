// Batch errors: what a bulk call could not do is recorded, and tried again by an interjection.
//
// Legs are written into a table in batches, as in example 05. A batch that fails must not hold up a
// worker until the database is back, nor the batches behind it. So the callback of each event
// notes the legs that failed in the partition's store, with the time they are due; every second,
// give or take 100 ms so that partitions do not all come at once, an interjection takes those that
// are due out of the store and adds them to the batcher again, each under its own key.
//
// A leg that failed keeps its event open, with a completion that is called when the leg is in the
// table: its offset is not committed before, so nothing is lost although the store is in memory,
// and an aircraft's next leg waits (a source with a store handles a key's events one after the
// other), while all others go on. While the database is away for long, intake stops when `credit`
// records a partition are open.
//
//   LEGS_DATABASE="host=127.0.0.1 dbname=legs" examples/run.sh 06_batch_errors
//
// When to choose it: calls fail now and then, retrying must not occupy what executes batches, and
// what to retry, when, and how often is the program's business. Where a whole call may simply wait
// for its database, example 05 is less to think about.
#include "legs_table.hpp"

#include <atomic>
#include <iostream>
#include <map>

using namespace keyloom;
using namespace std::chrono_literals;
using time_point = std::chrono::system_clock::time_point;

struct failed_leg {
  leg what;
  job_completion written; // of the event that the leg came with
};

// A partition's legs that could not be written, by the time they are due.
class error_book {
public:
  struct record {
    time_point due;
    failed_leg failed;
  };
  struct take_due {
    time_point now;
  };

  void apply(record change) { by_time_.emplace(change.due, std::move(change.failed)); }
  void apply(take_due change) {
    by_time_.erase(by_time_.begin(), by_time_.upper_bound(change.now));
  }

  std::vector<failed_leg> due(time_point now) const {
    std::vector<failed_leg> result;
    for (auto it = by_time_.begin(); it != by_time_.upper_bound(now); ++it)
      result.push_back(it->second);
    return result;
  }

private:
  std::multimap<time_point, failed_leg> by_time_;
};

std::atomic<int> failures = 0;

// The callback of records and of retries: notes what was not written, and completes what now is.
outcome note(context<error_book>& ctx, batch_items<leg>& items) {
  auto result = complete;
  for (auto& item : items) {
    auto* written = std::any_cast<job_completion>(&item.user_data); // null: its first try
    if (!item.error) {
      if (written != nullptr)
        (*written)();
      continue;
    }
    ++failures;
    auto open = [&] {
      result = incomplete;
      return ctx.job_complete([](context<error_book>&) { return complete; });
    };
    ctx.record_change(
      error_book::record{ctx.now() + 1s, {item.value, written ? *written : open()}});
  }
  return result;
}

int run(caf::actor_system& system) {
  legs_table{}.create();
  event_source<error_book> source{system, {.group = "batch-errors", .topic = "legs"}, [] {
                                    return error_book{};
                                  }};
  auto write = source.batcher<leg>(
    "write", blocking([](batch<leg>& legs) {
      static thread_local legs_table table;
      table.upsert(legs); // what it throws fails the batch
    }),
    note, {.max_batch_size = 500, .max_concurrent_batches = 4, .accumulation_delay = 20ms});
  source.on<leg>("legs-2013-01", json<leg>{}, [=](context<error_book>& ctx, leg flown) {
    return write.add(ctx, ctx.input().key, std::move(flown));
  });
  source.schedule_interjection(
    [=](context<error_book>& ctx, time_point due) -> outcome {
      auto again = ctx.store().due(due);
      if (again.empty())
        return complete;
      ctx.record_change(error_book::take_due{due});
      auto retry = write.items(ctx, "retries");
      for (auto& each : again) {
        auto& tail = each.what.tailnum;
        retry.add_with_key(tail.empty() ? std::string_view{} : tail, each.what);
        retry[retry.size() - 1].user_data = each.written;
      }
      return incomplete;
    },
    1s, 100ms, "retries");

  auto code = source.run();
  std::cout << "wrote " << source.state().out << " legs; " << failures
            << " writes failed and were made again\n";
  return code;
}

int main(int argc, char** argv) {
  return keyloom::exec_main(argc, argv, run);
}
