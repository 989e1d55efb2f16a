#include "tools/demo.hpp"

#include "actors/caf_lines.hpp"
#include "actors/program_config.hpp"
#include "actors/stop_signal.hpp"
#include "tools/csv_source.hpp"
#include "tools/demo_check.hpp"
#include "tools/demo_source.hpp"
#include "tools/demo_table.hpp"
#include "tools/file_settings.hpp"
#include "tools/loader.hpp"
#include "tools/report.hpp"

#include <caf/actor_system.hpp>

#include <iostream>

#include <unistd.h>

namespace keyloom::tools {

namespace {

using std::chrono::steady_clock;

constexpr int32_t partitions = 4;
constexpr std::chrono::milliseconds look_interval{50};
constexpr const char* key_column = "tailnum";

/// The demo's topics and group; on a broker of one's own every run has its own.
struct names {
  std::string legs = "legs";
  std::string done = "legs-done";
  std::string group = "keyloom-demo";

  explicit names(bool shared_broker) {
    if (shared_broker)
      for (auto* each : {&legs, &done, &group})
        *each += "-" + std::to_string(getpid()) + "-"
                 + std::to_string(std::chrono::system_clock::now().time_since_epoch().count()
                                  / 1'000'000);
  }
};

caf::error load_legs(cluster_access& access, const demo_options& options, const std::string& topic,
                     actors::stop_signal& stop) {
  auto source = csv_source::open(options.csv, key_column, std::nullopt);
  if (!source)
    return std::move(source.error());
  loader sender{access, **source, stop, std::nullopt};
  auto sent = sender.run(topic);
  if (!sent)
    return std::move(sent.error());
  return sent->first_error;
}

void run_source(event_source<ledger>& source, actors::stop_signal& stop, uint64_t legs) {
  demo_table table{legs};
  auto state = source.state();
  while (state.out < legs && state.errors.empty()
         && !stop.wait_until(steady_clock::now() + look_interval)) {
    state = source.state();
    table.update(state);
  }
  source.stop();
}

nlohmann::ordered_json make_report(const source_state& state, const demo_findings& found) {
  auto seconds = std::chrono::duration<double>(state.last_commit - state.first_record).count();
  nlohmann::ordered_json report;
  report["records"] = state.out;
  report["seconds"] = rounded(seconds);
  report["rec_per_s"] = seconds > 0 ? rounded(static_cast<double>(state.out) / seconds, 0) : 0;
  report["keys"] = found.keys;
  report["out_of_order"] = found.verified.out_of_order + found.verified.foreign;
  report["lost"] = found.verified.lost;
  report["duplicates"] = found.verified.duplicates;
  report["left"] = found.left;
  report["in_flight_max"] = state.in_flight_max;
  report["worst"] = {{"tail", found.worst_tail}, {"delay_min", found.worst_late_min}};
  return report;
}

void print_for_people(const nlohmann::ordered_json& report, const demo_options& options) {
  auto seconds = report["seconds"].get<double>();
  auto one_by_one = static_cast<double>(report["records"].get<uint64_t>())
                    * static_cast<double>(options.lookup_ms) / 1000.0;
  std::cout << "\n  " << report["records"] << " legs of " << report["keys"] << " aircraft in "
            << seconds << " s: " << report["rec_per_s"] << " legs/s, up to "
            << report["in_flight_max"] << " in flight at once.\n"
            << "  One look-up of " << options.lookup_ms << " ms after the other would have taken "
            << rounded(one_by_one, 0) << " s.\n"
            << "  Read back and compared with the file: " << report["lost"] << " lost, "
            << report["duplicates"] << " twice, " << report["out_of_order"]
            << " out of their aircraft's order.\n"
            << "  Most behind its schedule: " << report["worst"]["tail"].get<std::string>()
            << ", whose departures were " << report["worst"]["delay_min"]
            << " minutes late in all.\n\n";
  if (report["left"] != 0)
    std::cout << "  Interrupted: " << report["left"] << " legs were left.\n\n";
}

/// What the demo needs before anything runs.
struct demo_input {
  csv_table legs;
  size_t tail_column;
  plane_table planes;
};

caf::expected<demo_input> read_input(const demo_options& options) {
  auto legs = csv_table::read(options.csv);
  if (!legs)
    return std::move(legs.error());
  auto tail_column = legs->column(key_column);
  if (!tail_column)
    return caf::make_error(errc::bad_config, options.csv + " has no column '" + key_column + "'");
  auto aircraft = csv_table::read(options.planes);
  if (!aircraft)
    return std::move(aircraft.error());
  auto planes = plane_table::make(*aircraft);
  if (!planes)
    return std::move(planes.error());
  return demo_input{std::move(*legs), *tail_column, std::move(*planes)};
}

/// The defaults, and over them the configuration file, as far as the demo leaves a choice.
caf::expected<source_config> make_config(const cluster_access& access, const names& topics) {
  for (const auto* name : {"group", "topic", "topics", "pattern", "skip-headers"})
    if (caf::get_if(&access.file(), std::string{"keyloom."} + name) != nullptr)
      return caf::make_error(errc::bad_config,
                             std::string{"--config: keyloom."} + name
                               + " is not for the demo, which makes topics and a group of its own "
                                 "and needs the headers; leave it out");
  source_config cfg{.group = topics.group, .topic = topics.legs};
  if (auto err = use_file(access, cfg))
    return err;
  return cfg;
}

/// Looks up the aircraft of every leg in the topic; what the source showed in the end.
caf::expected<source_state> look_up_all(actors::program_config& caf_config,
                                        const source_config& cfg, const demo_options& options,
                                        const demo_input& input, const names& topics,
                                        actors::stop_signal& stop) {
  actors::caf_lines lines{caf_config};
  caf::actor_system system{caf_config};
  lines.take_prints_of(system);
  demo_source source{system,      cfg,          input.legs.base_name(),
                     topics.done, input.planes, std::chrono::milliseconds{options.lookup_ms}};
  if (auto err = source.source().start())
    return err;
  run_source(source.source(), stop, input.legs.rows());
  return source.source().state();
}

} // namespace

int run_demo(const demo_options& options) {
  actors::stop_signal stop;
  auto input = read_input(options);
  if (!input)
    return fail(input.error());
  auto access = cluster_access::open(options.common);
  if (!access)
    return fail(access.error());
  names topics{access->embedded() == nullptr};
  auto settings = make_config(*access, topics);
  if (!settings)
    return fail(settings.error());
  actors::program_config caf_config;
  if (auto err = use_file(options.common, caf_config))
    return fail(err);
  for (auto& topic : {topics.legs, topics.done})
    if (auto err = access->ensure_topic(topic, partitions))
      return fail(err);
  if (!options.common.json)
    std::cout << "keyloom demo: " << input->legs.rows()
              << " legs, keyed by aircraft; each aircraft is looked up in SQLite, "
              << options.lookup_ms << " ms a look-up" << std::endl;
  if (auto err = load_legs(*access, options, topics.legs, stop))
    return fail(err);
  auto state = look_up_all(caf_config, *settings, options, *input, topics, stop);
  if (!state)
    return fail(state.error());
  // Interrupted, it claims no more than it did.
  auto done = stop.raised() ? state->out : input->legs.rows();
  auto found = check_demo(*access, topics.done, input->legs, input->tail_column, done);
  if (!found)
    return fail(found.error());
  auto report = make_report(*state, *found);
  if (options.common.json)
    print_report(report, true);
  else
    print_for_people(report, options);
  return found->verified.holds(true) && state->errors.empty() ? exit_ok : exit_failed;
}

} // namespace keyloom::tools
