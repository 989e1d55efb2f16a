// Database migration: from a table of aircraft to a store, while the database is still kept true.
//
// A service that lived on a database moves to keyloom aircraft by aircraft, without a day on which
// it stands still:
//
//   seed         blocking: an aircraft that the store does not know is looked up in the table
//                `planes`. The finalizer begins its ledger with what it found.
//   write back   blocking: the ledger's row of the table `ledgers` is written, for those who still
//                read the database. When nobody does any more, this step is deleted.
//
// In between, the leg is added to the ledger and the ledger sent to the topic `ledgers`. Legs of an
// aircraft that the store knows are not looked up.
//
//   examples/run.sh 03_database_migration
//
// runs it on an embedded broker with a month of flights and a SQLite file of the aircraft. The
// store is in memory only there. With LEGS_DATABASE="host=... dbname=..." it is a PostgreSQL, whose
// table `planes` has the columns of data/planes.csv. Where the ledgers must outlive the process, it
// takes a real broker, a change log, and everything leaves exactly once:
//
//   --keyloom.exactly-once=true --keyloom.change-log=aircraft-ledgers
//
// What happens on a crash then: legs that were not committed come again, to a store that has none
// of them, and to a table that may have some already. That is no harm, because what is written is
// the whole row, and the same as before: the table goes on with the first one that is new. It also
// is why the store is seeded from a table that is never written. A row that had been written back
// may be ahead of the store; a ledger that began with it would count those legs twice. Without the
// two options a store begins with the seeds at each start, and what it had counted is lost to it.
//
// When to choose it: the truth moves from a database into the store, and others need the database
// a while longer. To ask a database for each record, example 02 is enough.
#include "planes_database.hpp"

#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>
#include <keyloom/store/hash_map_store.hpp>

#include <atomic>
#include <iostream>

using namespace keyloom;
using namespace std::chrono_literals;

struct leg {
  std::string tailnum; // empty: nobody noted which aircraft flew it
  int64_t distance_mi = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(leg, tailnum, distance_mi)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(plane_ledger, model, seats, legs, miles)

using ledgers = hash_map_store<std::string, plane_ledger, text, json<plane_ledger>>;

int run(caf::actor_system& system) {
  auto database = open_planes(KEYLOOM_DATA_DIR "/planes.csv");
  std::atomic<int> seeded = 0, written = 0;
  event_source<ledgers> source{system, {.group = "migration", .topic = "legs"}, [] {
                                 return ledgers{};
                               }};
  const stage_options patient{.limits = slow_network,
                              .retry = retry_policy{.total = 1min, .max_backoff = 1s}};

  auto write_back
    = source.stage<plane_ledger, void>("write back",
                                       blocking([&](std::string_view tail, plane_ledger& row) {
                                         database->write_ledger(std::string{tail}, row);
                                         ++written;
                                       }),
                                       patient);

  auto fly = [=](context<ledgers>& ctx, const leg& flown, plane_ledger ledger) {
    ++ledger.legs;
    ledger.miles += flown.distance_mi;
    ctx.record_change(ctx.store().set(flown.tailnum, ledger));
    ctx.forward(
      {.topic = "ledgers", .key = flown.tailnum, .value = json<plane_ledger>{}.encode(ledger)});
    return write_back.schedule(ctx, flown.tailnum, std::move(ledger));
  };

  auto seed = source.stage<leg, plane_ledger>(
    "seed", blocking([&](std::string_view, leg& flown) {
      ++seeded;
      return database->find_plane(flown.tailnum);
    }),
    [=](context<ledgers>& ctx, std::string_view, leg& flown, caf::expected<plane_ledger> found) {
      return found ? fly(ctx, flown, std::move(*found)) : outcome{found.error()};
    },
    patient);

  source.on<leg>("legs-2013-01", json<leg>{}, [=](context<ledgers>& ctx, leg flown) {
    if (flown.tailnum.empty())
      return complete;                                   // no aircraft, no ledger
    const auto* known = ctx.store().find(flown.tailnum); // all legs before this one are in it
    auto key = flown.tailnum;
    return known != nullptr ? fly(ctx, flown, *known) : seed.schedule(ctx, key, std::move(flown));
  });

  auto code = source.run();
  auto table = database->add_up();
  std::cout << "seeded " << seeded << " ledgers and wrote " << written << " rows; the table has "
            << table.ledgers << " ledgers with " << table.legs << " legs and " << table.miles
            << " miles\n";
  return code;
}

int main(int argc, char** argv) {
  return exec_main(argc, argv, run);
}
