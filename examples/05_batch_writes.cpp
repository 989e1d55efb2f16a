// Batch writes: legs into a table of PostgreSQL, a batch a statement.
//
// A database answers one row in about a millisecond, and five hundred rows of one statement in
// little more. So the legs of all aircraft and partitions are gathered for up to 20 ms and written
// together, as one multi-row upsert. A leg's offset is committed when its batch is in the table; an
// aircraft's next leg is not written before. After a crash some legs are written again: that is why
// it is an upsert, by the leg's own key.
//
// While the database is away the batches that hold legs wait for it, up to a minute, and intake
// waits with them; after that they fail, their partitions stop, and the next start goes on from the
// committed offset.
//
//   LEGS_DATABASE="host=127.0.0.1 dbname=legs" examples/run.sh 05_batch_writes
//
// When to choose it: a call costs about the same for one item as for many.
#include "legs_table.hpp"

#include <atomic>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

std::atomic<int> retries = 0;

// Connection exceptions, and an operator who shuts the database down or starts it.
bool is_away(const std::string& state) {
  return state.empty() || state.starts_with("08") || state.starts_with("57P");
}

// Tries until the database is back.
void write_patiently(legs_table& table, keyloom::batch<leg>& legs) {
  auto give_up_at = std::chrono::steady_clock::now() + 60s;
  for (;;) {
    try {
      table.upsert(legs);
      return;
    } catch (const pqxx::sql_error& err) {
      if (!is_away(err.sqlstate()) || std::chrono::steady_clock::now() > give_up_at)
        throw;                       // fails the batch
    } catch (const pqxx::failure&) { // the connection broke, or there is none
      if (std::chrono::steady_clock::now() > give_up_at)
        throw;
    }
    ++retries;
    std::this_thread::sleep_for(200ms);
  }
}

int run(caf::actor_system& system) {
  legs_table{}.create();
  using keyloom::context;
  keyloom::event_source<> source{system, {.group = "batch-writes", .topic = "legs"}};
  auto write = source.batcher<leg>(
    "write", keyloom::blocking([](keyloom::batch<leg>& legs) {
      static thread_local legs_table table; // of a worker
      write_patiently(table, legs);
    }),
    {.max_batch_size = 500, .max_concurrent_batches = 4, .accumulation_delay = 20ms});
  source.on<leg>("legs-2013-01", keyloom::json<leg>{}, [=](context<>& ctx, leg flown) {
    return write.add(ctx, ctx.input().key, std::move(flown));
  });

  auto code = source.run();
  auto state = source.state().batchers.at(0);
  std::cout << "wrote " << state.items << " legs in " << state.batches
            << " statements, the largest of " << state.largest << "; tried again " << retries
            << " times\n";
  return code;
}

int main(int argc, char** argv) {
  return keyloom::exec_main(argc, argv, run);
}
