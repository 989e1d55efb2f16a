#include "tools/demo_source.hpp"

#include <keyloom/codec/json.hpp>

#include <thread>

namespace keyloom::tools {

namespace {

using fields = nlohmann::ordered_json;

int64_t minutes_late(const fields& leg) {
  auto delay = leg.find("dep_delay_min");
  return delay != leg.end() && delay->is_number() ? std::max<int64_t>(delay->get<int64_t>(), 0) : 0;
}

/// The output: the leg's fields, then what the demo adds.
outgoing_record result_of(const record& rec, const std::string& out,
                          const std::optional<plane>& aircraft, const ledger_entry& entry) {
  auto value = fields::parse(rec.value);
  if (aircraft) {
    value["model"] = aircraft->manufacturer + " " + aircraft->model;
    value["seats"] = aircraft->seats;
  }
  value["legs_so_far"] = entry.legs;
  value["late_min_so_far"] = entry.late_min;
  outgoing_record result{.topic = out, .value = value.dump(), .type = "leg-done"};
  if (rec.has_key())
    result.key.emplace(rec.key);
  return result;
}

} // namespace

demo_source::demo_source(caf::actor_system& system, source_config cfg, std::string type,
                         std::string out, const plane_table& planes,
                         std::chrono::milliseconds lookup)
  : source_(system, std::move(cfg), [] { return ledger{}; }) {
  auto look_up = source_.stage<flown_leg, std::optional<plane>>(
    "lookup", blocking([&planes, lookup](std::string_view tail, flown_leg&) {
      std::this_thread::sleep_for(lookup); // what a database on another machine would take
      return planes.find(tail);
    }),
    [out](context<ledger>& ctx, std::string_view tail, flown_leg& leg,
          caf::expected<std::optional<plane>> found) {
      if (!found)
        return outcome{found.error()};
      ctx.record_change(leg);
      ctx.forward(result_of(ctx.input(), out, *found, ctx.store().of(std::string{tail})));
      return complete;
    },
    wide_network);
  source_.on<fields>(
    std::move(type), json<fields>{}, [out, look_up](context<ledger>& ctx, const fields& leg) {
      auto& rec = ctx.input();
      if (rec.has_key())
        return look_up.schedule(ctx, rec.key, flown_leg{std::string{rec.key}, minutes_late(leg)});
      ctx.forward(result_of(rec, out, std::nullopt, {})); // nobody noted which aircraft flew it
      return complete;
    });
}

} // namespace keyloom::tools
