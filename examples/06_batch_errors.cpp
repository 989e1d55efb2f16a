// Batch errors: what a bulk call could not do is recorded, and tried again by an interjection.
//
// Legs are written into a table in batches, as in example 05. A batch that fails must not hold up a
// worker until the database is back, nor the batches behind it. So the callback of each event
// notes the legs that failed in the partition's store, the book of errors, in the order in which
// they are due; every second, give or take 100 ms so that partitions do not all come at once, an
// interjection adds those that are due to the batcher again, each under its own key.
//
//   LEGS_DATABASE="host=127.0.0.1 dbname=legs" examples/run.sh 06_batch_errors
//
// runs it on an embedded broker, which can keep no change log: the book is in memory, and ends with
// the process. So a leg in it keeps its event open: its offset is not committed before the leg is
// in the table, and when the process dies the leg comes again. While the database is away for long,
// intake stops when `credit` records a partition are open. On a real broker the book survives: with
// LEG_ERRORS=leg-errors in the environment that topic is its change log, and everything leaves
// exactly once. An event is over then when its leg is in the table or in the book, so intake goes
// on whatever the database does, and who is started after a crash finds the book as it was.
//
// When to choose it: calls fail now and then, retrying must not occupy what executes batches, and
// what to retry, when, and how often is the program's business. Where a whole call may simply wait
// for its database, example 05 is less to think about.
#include "legs_table.hpp"

#include <keyloom/store/ordered_map_store.hpp>

#include <atomic>
#include <iostream>
#include <map>
#include <mutex>

using namespace keyloom;
using namespace std::chrono_literals;
using time_point = std::chrono::system_clock::time_point;

// The legs that could not be written, by `line`.
using error_book = ordered_map_store<std::string, leg, text, json<leg>>;

std::string identity(const leg& x) {
  return x.date + ' ' + x.carrier + ' ' + std::to_string(x.flight) + ' ' + x.origin;
}

// Lines are in the order of their times: until the year 2286 these have the same number of digits.
std::string line(time_point due, const std::string& what = {}) {
  using std::chrono::milliseconds;
  auto ms = std::chrono::duration_cast<milliseconds>(due.time_since_epoch()).count();
  return std::to_string(ms) + ' ' + what;
}

// The events of legs in a book that is in memory only.
class open_events {
public:
  void add(const leg& failed, job_completion written) {
    std::lock_guard guard{mutex_};
    by_leg_.insert_or_assign(identity(failed), std::move(written));
  }

  void written(const leg& retried) {
    std::lock_guard guard{mutex_};
    if (auto found = by_leg_.extract(identity(retried)))
      found.mapped()();
  }

private:
  std::mutex mutex_; // partitions share it
  std::map<std::string, job_completion> by_leg_;
};

int run(caf::actor_system& system) {
  source_config settings{.group = "batch-errors", .topic = "legs"};
  const char* change_log = std::getenv("LEG_ERRORS");
  const bool in_memory = change_log == nullptr;
  if (in_memory) {
    std::cout << "LEG_ERRORS names no change log: legs that fail are kept in memory, uncommitted\n";
  } else {
    std::cout << "legs that fail are kept in the change log " << change_log << "\n";
    settings.exactly_once = true;
    settings.change_log = change_log;
  }
  legs_table{}.create();
  open_events open;
  std::atomic<int> failures = 0;
  event_source<error_book> source{system, settings, [] { return error_book{}; }};

  // The callback of records and of retries, whose items have their line in the book beside them.
  auto note = [&, in_memory](context<error_book>& ctx, batch_items<leg>& items) {
    auto result = complete;
    for (auto& item : items) {
      const auto* retried = std::any_cast<std::string>(&item.user_data);
      if (retried != nullptr)
        ctx.record_change(ctx.store().erase(*retried));
      if (item.error) {
        ++failures;
        auto next = line(ctx.now() + 1s, identity(item.value));
        ctx.record_change(ctx.store().set(next, item.value));
      }
      if (item.error && retried == nullptr && in_memory) {
        open.add(item.value, ctx.job_complete([](context<error_book>&) { return complete; }));
        result = incomplete;
      }
      if (!item.error && retried != nullptr && in_memory)
        open.written(item.value);
    }
    return result;
  };

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
    [=](context<error_book>& ctx, time_point due) {
      constexpr size_t at_once = 2000; // while the database is away, each is for nothing
      auto retries = write.items(ctx, "retries");
      ctx.store().for_each_between({}, line(due), [&](const std::string& at, const leg& failed) {
        auto& tail = failed.tailnum;
        retries.add_with_key(tail.empty() ? std::string_view{} : tail, failed);
        retries[retries.size() - 1].user_data = at;
        return retries.size() < at_once;
      });
      return incomplete; // when nothing was due, it is complete at once
    },
    1s, 100ms, "retries");

  auto code = source.run();
  std::cout << "took in " << source.state().out << " legs; " << failures
            << " writes failed and were noted to be made again\n";
  return code;
}

int main(int argc, char** argv) {
  return keyloom::exec_main(argc, argv, run);
}
