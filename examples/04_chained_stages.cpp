// Chained stages: an event goes from step to step, and its key stays in order all the way.
//
// What did each flight offer in seat miles? Three steps, each where it belongs:
//
//   look up    blocking: a slow registry is asked how many seats the aircraft has. The finalizer
//              records the answer in the store, so each aircraft is asked for once.
//   estimate   compute: a calculation, beside the partition.
//   book       blocking: a slow ledger service is told. The finalizer records the aircraft's total
//              and sends it to the topic `seat-miles`.
//
// A finalizer hands the job on by scheduling it into the next stage. A leg of an aircraft that the
// store knows begins at the second step. With a store a key's next handler runs when its earlier
// events are complete, so a leg sees what all legs of its aircraft before it have recorded.
//
//   examples/run.sh 04_chained_stages       runs it on an embedded broker with a month of flights
//
// When to choose it: one event needs several slow calls, or calls of several kinds, and each shall
// have a concurrency of its own. Steps that always run together, and of one kind, are one stage.
#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>

#include <atomic>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>
#include <unordered_map>

struct leg {
  std::string tailnum; // empty: nobody noted which aircraft flew it
  int64_t distance_mi = 0;
  int64_t seats = 0;      // by "look up", or from the store
  int64_t seat_miles = 0; // by "estimate"
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(leg, tailnum, distance_mi)

struct aircraft {
  std::string tailnum;
  int64_t seats = 0; // 0: not in the registry
};

struct total {
  std::string tailnum;
  int64_t seat_miles = 0;
};

using table = std::unordered_map<std::string, int64_t>;

// The store: one for each partition, touched by its partition only. `apply` sets values; it never
// adds to them, so applying a change twice is no harm.
struct fleet {
  table seats, totals;

  void apply(const aircraft& known) { seats[known.tailnum] = known.seats; }
  void apply(const total& now) { totals[now.tailnum] = now.seat_miles; }
};

int64_t number_in(const table& numbers, const std::string& tail) {
  auto i = numbers.find(tail);
  return i == numbers.end() ? 0 : i->second;
}

table read_seats(const std::string& file) {
  table result;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) { // tailnum,year,...; the seventh is `seats`
    std::istringstream cells{line};
    std::string tail, cell;
    std::getline(cells, tail, ',');
    for (int i = 1; i < 7; ++i)
      std::getline(cells, cell, ',');
    result[tail] = std::atoll(cell.c_str());
  }
  return result;
}

void slow_call() {
  std::this_thread::sleep_for(std::chrono::milliseconds{2}); // the network
}

int run(caf::actor_system& system) {
  using namespace keyloom;
  using ctx_type = context<fleet>;
  const auto registry = read_seats(KEYLOOM_DATA_DIR "/planes.csv");
  std::atomic<int> asked = 0, booked = 0;
  std::atomic<int64_t> offered = 0;
  event_source<fleet> source{system, {.group = "chained", .topic = "legs"}, [] { return fleet{}; }};

  auto book = source.stage<leg, void>( // the last step first: each knows the one after it
    "book", blocking([](std::string_view, leg&) { slow_call(); }),
    [&](ctx_type& ctx, std::string_view, leg& flown, caf::expected<void> told) {
      if (!told)
        return outcome{told.error()};
      auto now = number_in(ctx.store().totals, flown.tailnum) + flown.seat_miles;
      ctx.record_change(total{flown.tailnum, now});
      ctx.forward({.topic = "seat-miles", .key = flown.tailnum, .value = std::to_string(now)});
      ++booked;
      offered += flown.seat_miles;
      return complete;
    },
    wide_network);
  auto estimate = source.stage<leg, int64_t>(
    "estimate",
    compute([](std::string_view, leg& flown) { return flown.seats * flown.distance_mi; }),
    [=](ctx_type& ctx, std::string_view tail, leg& flown, caf::expected<int64_t> seat_miles) {
      if (!seat_miles)
        return outcome{seat_miles.error()};
      flown.seat_miles = *seat_miles;
      return book.schedule(ctx, tail, std::move(flown));
    });
  auto look_up = source.stage<leg, int64_t>(
    "look up", blocking([&](std::string_view, leg& flown) {
      slow_call();
      ++asked;
      return number_in(registry, flown.tailnum);
    }),
    [=](ctx_type& ctx, std::string_view tail, leg& flown, caf::expected<int64_t> seats) {
      if (!seats)
        return outcome{seats.error()};
      ctx.record_change(aircraft{flown.tailnum, *seats});
      flown.seats = *seats;
      return estimate.schedule(ctx, tail, std::move(flown));
    },
    slow_network);

  source.on<leg>("legs-2013-01", json<leg>{}, [=](ctx_type& ctx, leg flown) {
    if (flown.tailnum.empty())
      return complete;
    auto known = ctx.store().seats.contains(flown.tailnum);
    flown.seats = number_in(ctx.store().seats, flown.tailnum);
    return (known ? estimate : look_up).schedule(ctx, ctx.input().key, std::move(flown));
  });

  auto code = source.run();
  std::cout << "booked " << booked << " legs with " << offered
            << " seat miles, and asked the registry for " << asked << " aircraft\n";
  return code;
}

int main(int argc, char** argv) {
  return keyloom::exec_main(argc, argv, run);
}
