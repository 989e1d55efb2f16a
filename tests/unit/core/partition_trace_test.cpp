// The trace context of a record: its outputs inherit it.
#include "tests/fakes/kit_rig.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace keyloom;
using headers = std::vector<std::pair<std::string, std::string>>;

const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const std::string other = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

headers headers_of(const outgoing_record& rec) {
  headers result;
  for (auto& each : rec.headers)
    result.emplace_back(each.name, each.value.value_or("(null)"));
  return result;
}

} // namespace

TEST_CASE("outputs of handler and finalizer inherit the trace context of their record") {
  fakes::kit_rig<> rig;
  std::string seen_by_job;
  auto work = rig.source.stage<std::string, void>(
    "work", blocking([&seen_by_job](std::string_view, std::string& job) { seen_by_job = job; }),
    [](context<>& ctx, std::string_view, std::string&, caf::expected<void>) {
      ctx.forward({.topic = "out", .value = "of finalizer", .headers = {{"own", "1"}}});
      return complete;
    });
  rig.source.on_default([work](context<>& ctx, const record& rec) {
    ctx.forward({.topic = "out", .value = "of handler"});
    return work.schedule(ctx, rec.key, std::string{rec.trace_parent().value_or("none")});
  });
  rig.start();
  rig.kit->feed(
    {.key = "k", .value = "a", .headers = {{"traceparent", parent}, {"tracestate", "x=1"}}});
  rig.kit->stage<std::string, void>("work").next().run();
  REQUIRE(rig.kit->outputs().size() == 2);
  CHECK(headers_of(rig.kit->outputs()[0])
        == headers{{"traceparent", parent}, {"tracestate", "x=1"}});
  CHECK(headers_of(rig.kit->outputs()[1])
        == headers{{"own", "1"}, {"traceparent", parent}, {"tracestate", "x=1"}});
  CHECK(seen_by_job == parent);
}

TEST_CASE("a record that is forwarded as it is has its headers, and the trace with them") {
  auto exactly_once = GENERATE(false, true);
  fakes::kit_rig<> rig{{.exactly_once = exactly_once}};
  rig.source.on_default([](context<>& ctx, const record& rec) {
    core::record_batch others{"others", 0};
    others.add("other", {}, 0, 0);
    ctx.forward(others.records()[0], "out");
    others.add_header("else", "2");
    ctx.forward(others.records()[0], "out");
    ctx.forward(rec, "out");
    return complete;
  });
  rig.start();
  rig.kit->feed({.key = "k", .value = "a", .headers = {{"traceparent", parent}, {"own", "1"}}});
  rig.kit->feed({.key = "k", .value = "a"});
  rig.kit->commit();
  auto& found = rig.kit->outputs();
  REQUIRE(found.size() == 6);
  CHECK(headers_of(found[0]) == headers{{"traceparent", parent}});
  CHECK(headers_of(found[1]) == headers{{"else", "2"}, {"traceparent", parent}});
  CHECK(headers_of(found[2]) == headers{{"traceparent", parent}, {"own", "1"}});
  CHECK(headers_of(found[3]).empty());
  CHECK(headers_of(found[4]) == headers{{"else", "2"}});
  CHECK(headers_of(found[5]).empty());
}

TEST_CASE("an output with a trace context of its own keeps it, and without one there is none") {
  fakes::kit_rig<> rig;
  rig.source.on_default([](context<>& ctx, const record& rec) {
    outgoing_record out{.topic = "out"};
    if (rec.trace_parent())
      out.headers.push_back({"traceparent", other});
    ctx.forward(std::move(out));
    return complete;
  });
  rig.start();
  rig.kit->feed({.key = "k", .value = "a", .headers = {{"traceparent", parent}}});
  rig.kit->feed({.key = "k", .value = "a", .headers = {{"else", "1"}}});
  REQUIRE(rig.kit->outputs().size() == 2);
  CHECK(headers_of(rig.kit->outputs()[0]) == headers{{"traceparent", other}});
  CHECK(headers_of(rig.kit->outputs()[1]).empty());
}
