// A pipeline of three stages that can be tested: it is defined by a function, and all it knows of
// the outside comes in as an argument. examples/10_tested_pipeline.cpp runs it, mileage_test.cpp
// beside this file tests it without a broker.
#pragma once

#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>

#include <functional>
#include <string>
#include <unordered_map>

namespace mileage {

struct leg {
  std::string tailnum;
  int distance_mi = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(leg, tailnum, distance_mi)

struct report {
  std::string tailnum;
  int distance_mi = 0;
  int seats = 0;
  int64_t seat_miles = 0;
};

/// The outside: a registry of aircraft and the place that reports go to. Both are slow.
struct services {
  std::function<caf::expected<int>(const std::string& tailnum)> seats;
  std::function<caf::error(const report&)> send;
};

/// The store: seat miles by aircraft.
class ledger {
public:
  void apply(const report& sent) { miles_[sent.tailnum] += sent.seat_miles; }
  int64_t miles(const std::string& tailnum) const {
    auto it = miles_.find(tailnum);
    return it == miles_.end() ? 0 : it->second;
  }

private:
  std::unordered_map<std::string, int64_t> miles_;
};

/// leg -> "seats" (asks the registry) -> "multiply" (computes) -> "send" -> ledger, and the new sum
/// to the topic `mileage`.
inline void define(keyloom::event_source<ledger>& source, services outside) {
  using namespace keyloom;
  using namespace std::chrono_literals;
  using context = context<ledger>;

  auto send = source.stage<report, void>(
    "send", blocking([call = outside.send](std::string_view, report& r) -> caf::expected<void> {
      if (auto failed = call(r))
        return failed;
      return {};
    }),
    [](context& ctx, std::string_view tail, report& r, caf::expected<void> sent) -> outcome {
      if (!sent)
        return sent.error();
      ctx.record_change(r);
      ctx.forward({.topic = "mileage",
                   .key = std::string{tail},
                   .value = std::to_string(ctx.store().miles(r.tailnum))});
      return complete;
    });

  auto multiply = source.stage<report, int64_t>(
    "multiply",
    compute([](std::string_view, report& r) { return int64_t{r.seats} * r.distance_mi; }),
    [send](context& ctx, std::string_view tail, report& r, caf::expected<int64_t> miles) {
      r.seat_miles = *miles;
      return send.schedule(ctx, tail, std::move(r));
    });

  auto seats = source.stage<leg, int>(
    "seats", blocking([call = outside.seats](std::string_view, leg& l) { return call(l.tailnum); }),
    [multiply](context& ctx, std::string_view tail, leg& l, caf::expected<int> found) -> outcome {
      if (!found)
        return found.error();
      if (*found == 0)
        return complete; // not in the registry
      return multiply.schedule(ctx, tail, {l.tailnum, l.distance_mi, *found});
    },
    {.limits = wide_network, .timeout = 2s});

  source.on<leg>("legs-2013-01", json<leg>{}, [seats](context& ctx, leg l) -> outcome {
    if (l.tailnum.empty())
      return complete; // nobody noted which aircraft flew it
    auto tail = l.tailnum;
    return seats.schedule(ctx, tail, std::move(l));
  });
}

} // namespace mileage
