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
#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>

#include <pqxx/pqxx>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

struct leg {
  std::string date;
  std::string carrier;
  int flight = 0;
  std::string origin;
  std::string dest;
  std::string tailnum; // empty: nobody noted which aircraft flew it
  int distance_mi = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(leg, date, carrier, flight, origin, dest, tailnum,
                                                distance_mi)

// Writes legs into the table. Each of keyloom's threads that executes batches has its own.
class leg_table {
public:
  static constexpr const char* definition = R"(
    CREATE TABLE IF NOT EXISTS legs (
      date date, carrier text, flight int, origin text, dest text, tailnum text, distance_mi int,
      PRIMARY KEY (date, carrier, flight, origin)))";

  static std::string address() {
    const char* given = std::getenv("LEGS_DATABASE");
    return given != nullptr ? given : "";
  }

  // One statement; tries until the database is back.
  void upsert(keyloom::batch<leg>& legs) {
    auto give_up_at = std::chrono::steady_clock::now() + 60s;
    for (;;) {
      try {
        if (!connection_)
          connection_.emplace(address());
        pqxx::nontransaction{*connection_}.exec(statement_for(legs));
        return;
      } catch (const pqxx::sql_error& err) {
        if (!is_away(err.sqlstate()) || std::chrono::steady_clock::now() > give_up_at)
          throw;                       // fails the batch
      } catch (const pqxx::failure&) { // the connection broke, or there is none
        if (std::chrono::steady_clock::now() > give_up_at)
          throw;
      }
      connection_.reset();
      ++retries;
      std::this_thread::sleep_for(200ms);
    }
  }

  static inline std::atomic<int> retries = 0;

private:
  // Connection exceptions, and an operator who shuts it down or starts it.
  static bool is_away(const std::string& state) {
    return state.starts_with("08") || state.starts_with("57P");
  }

  std::string statement_for(keyloom::batch<leg>& legs) {
    std::string rows;
    for (auto& item : legs) {
      auto& row = item.value;
      rows += rows.empty() ? "(" : ", (";
      rows += connection_->quote(row.date) + ", " + connection_->quote(row.carrier) + ", "
              + std::to_string(row.flight) + ", " + connection_->quote(row.origin) + ", "
              + connection_->quote(row.dest) + ", " + connection_->quote(row.tailnum) + ", "
              + std::to_string(row.distance_mi) + ")";
    }
    return "INSERT INTO legs VALUES " + rows
           + " ON CONFLICT (date, carrier, flight, origin) DO UPDATE SET dest = excluded.dest, "
             "tailnum = excluded.tailnum, distance_mi = excluded.distance_mi";
  }

  std::optional<pqxx::connection> connection_;
};

int run(caf::actor_system& system) {
  pqxx::connection setup{leg_table::address()};
  pqxx::nontransaction{setup}.exec(leg_table::definition);

  using keyloom::context;
  keyloom::event_source<> source{system, {.group = "batch-writes", .topic = "legs"}};
  auto write = source.batcher<leg>(
    "write", keyloom::blocking([](keyloom::batch<leg>& legs) {
      static thread_local leg_table table;
      table.upsert(legs);
    }),
    {.max_batch_size = 500, .max_concurrent_batches = 4, .accumulation_delay = 20ms});
  source.on<leg>("legs-2013-01", keyloom::json<leg>{}, [=](context<>& ctx, leg flown) {
    return write.add(ctx, ctx.input().key, std::move(flown));
  });

  auto code = source.run();
  auto state = source.state().batchers.at(0);
  std::cout << "wrote " << state.items << " legs in " << state.batches
            << " statements, the largest of " << state.largest << "; tried again "
            << leg_table::retries << " times\n";
  return code;
}

int main(int argc, char** argv) {
  return keyloom::exec_main(argc, argv, run);
}
