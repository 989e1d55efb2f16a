// keyloom doing what `raw_loop --out` does: every record goes to another topic as it is. `keyloom
// work --out` does more (it checks that the value is JSON, adds a field and a header), so this is
// the program whose speed is compared with the raw loop's; with --exactly-once 1, with raw_eos's.
// Ends when --records are committed.
#include "actors/program_config.hpp"

#include <keyloom/keyloom.hpp>

#include <caf/actor_system.hpp>

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <thread>

using namespace keyloom;

namespace {

constexpr std::chrono::milliseconds look_interval{50};

using options = std::map<std::string, std::string>;

options parse(int argc, char** argv) {
  options result;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--json")
      continue;
    if (i + 1 == argc) {
      std::cerr << "forward: " << name << " takes a value\n";
      std::exit(2);
    }
    result[name] = argv[++i];
  }
  for (const auto* name : {"--brokers", "--topic", "--group", "--out", "--records"})
    if (result[name].empty()) {
      std::cerr << "forward: " << name << " is missing\n";
      std::exit(2);
    }
  return result;
}

int64_t committed_records(const source_state& state) {
  int64_t result = 0; // a partition's first offset is 0
  for (const auto& part : state.partitions)
    result += std::max<int64_t>(part.committed, 0);
  return result;
}

void report(const source_state& state) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto in_seconds = [](const timeval& x) {
    return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_usec) / 1e6;
  };
  auto seconds = std::chrono::duration<double>(state.last_commit - state.first_record).count();
  std::printf("{\"records\":%llu,\"seconds\":%.3f,\"rec_per_s\":%.0f,\"cpu_s\":%.3f,"
              "\"maxrss_mb\":%.1f,\"commits\":%llu}\n",
              static_cast<unsigned long long>(state.out), seconds,
              static_cast<double>(state.out) / seconds,
              in_seconds(used.ru_utime) + in_seconds(used.ru_stime),
              static_cast<double>(used.ru_maxrss) / 1024,
              static_cast<unsigned long long>(state.commits));
}

} // namespace

int main(int argc, char** argv) {
  auto given = parse(argc, argv);
  init_global_meta_objects();
  actors::program_config settings;
  caf::actor_system system{settings};
  source_config cfg{.group = given["--group"], .topic = given["--topic"]};
  cfg.brokers = given["--brokers"];
  cfg.skip_headers = true;
  cfg.exactly_once = given.count("--exactly-once") > 0;
  if (given.count("--credit") > 0)
    cfg.credit = static_cast<uint32_t>(std::stoul(given["--credit"]));
  event_source<> source{system, cfg};
  source.on_default([out = given["--out"]](context<>& ctx, const record& rec) {
    ctx.forward(rec, out);
    return complete;
  });
  if (auto err = source.start()) {
    std::cerr << "forward: " << to_string(err) << '\n';
    return 1;
  }
  auto wanted = std::atoll(given["--records"].c_str());
  while (source.state().errors.empty() && committed_records(source.state()) < wanted)
    std::this_thread::sleep_for(look_interval); // a benchmark's end, not a test's
  source.stop();
  report(source.state());
  return source.state().errors.empty() ? 0 : 1;
}
