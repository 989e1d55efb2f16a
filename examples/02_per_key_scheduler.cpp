// A scheduler per key: the legs of an aircraft one after the other, many aircraft at once.
//
// Each leg is counted in the aircraft's ledger as it arrives, in the partition. Then an external
// service is told of it: a slow call, made off the partition, for up to 32 aircraft per core at
// once; but an aircraft's second leg is not told before the first call has returned. The offset of
// a leg is committed when its call and all before it have ended well.
//
//   examples/run.sh 02_per_key_scheduler       runs it on an embedded broker with a month of
//   flights
//
// When to choose it: the work of one key must stay in order, the work of all keys must not wait for
// each other.
#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>

#include <atomic>
#include <iostream>
#include <thread>
#include <unordered_map>

struct leg {
  std::string tailnum; // empty: nobody noted which aircraft flew it
  std::string origin;
  std::string dest;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(leg, tailnum, origin, dest)

// The store: one for each partition, touched by its partition only, so it needs no lock.
class ledger {
public:
  void apply(const leg& flown) { ++legs_[flown.tailnum]; }
  int legs(const std::string& tail) const { return legs_.at(tail); }

private:
  std::unordered_map<std::string, int> legs_;
};

// Keeps the largest number it was shown. Any thread.
void raise(std::atomic<int>& most, int seen) {
  for (auto before = most.load(); before < seen && !most.compare_exchange_weak(before, seen);) {
    // another thread was faster: look again
  }
}

// The external service. Called by many threads at once, but never twice at once for one aircraft.
class tower {
public:
  void tell(const leg&) {
    raise(most_, ++running_);
    std::this_thread::sleep_for(std::chrono::milliseconds{2}); // the network
    --running_;
    ++told_;
  }

  int told() const { return told_; }
  int most_at_once() const { return most_; }

private:
  std::atomic<int> running_ = 0;
  std::atomic<int> most_ = 0;
  std::atomic<int> told_ = 0;
};

int run(caf::actor_system& system) {
  using keyloom::context;
  tower service;
  std::atomic<int> busiest = 0;
  keyloom::event_source<ledger> source{system, {.group = "per-key", .topic = "legs"}, [] {
                                         return ledger{};
                                       }};

  auto notify = source.stage<leg, void>(
    "notify", keyloom::blocking([&](std::string_view, leg& flown) { service.tell(flown); }),
    [&](context<ledger>& ctx, std::string_view, leg& flown, caf::expected<void> told) {
      if (!told)
        return keyloom::outcome{told.error()};
      raise(busiest, ctx.store().legs(flown.tailnum));
      return keyloom::complete;
    },
    keyloom::wide_network);

  source.on<leg>("legs-2013-01", keyloom::json<leg>{}, [=](context<ledger>& ctx, leg flown) {
    if (flown.tailnum.empty())
      return keyloom::complete; // no aircraft, no ledger, nothing to tell
    ctx.record_change(flown);
    auto key = flown.tailnum;
    return notify.schedule(ctx, key, std::move(flown));
  });

  auto code = source.run(); // until a signal
  std::cout << "told the tower of " << service.told() << " legs, up to " << service.most_at_once()
            << " at once; the busiest aircraft flew " << busiest << "\n";
  return code;
}

int main(int argc, char** argv) {
  return keyloom::exec_main(argc, argv, run);
}
