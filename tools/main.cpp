// The program's command line, and nothing else: fills the options struct of a sub-command and calls
// its run_x function. The only file that includes CLI11, which takes ten seconds to compile. To add
// a sub-command, write its add_x and name it in `commands`.
#include "tools/broker.hpp"
#include "tools/demo.hpp"
#include "tools/inspect.hpp"
#include "tools/load.hpp"
#include "tools/offsets.hpp"
#include "tools/redrive.hpp"
#include "tools/report.hpp"
#include "tools/top.hpp"
#include "tools/verify.hpp"
#include "tools/work.hpp"

#include <keyloom/exec_main.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <functional>
#include <iostream>
#include <memory>

namespace keyloom::tools {

namespace {

using runner = std::function<int()>;

// -- kinds of options -----------------------------------------------------------------------------

template <class T>
std::string spelled(T number) {
  std::ostringstream out;
  out << number;
  return out.str();
}

/// Says what is allowed when `text` is not a number of [low, high].
template <class T>
std::string check_number(const std::string& text, T low, T high) {
  T value{};
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc{} && end == text.data() + text.size() && value >= low && value <= high)
    return {};
  return "'" + text + "' is not a " + (std::is_integral_v<T> ? "whole number" : "number") + " from "
         + spelled(low) + " to " + spelled(high);
}

template <class T, class Target>
CLI::Option* add_number(CLI::App& app, const std::string& name, Target& into, T low, T high,
                        const std::string& help) {
  return app.add_option(name, into, help)
    ->check([low, high](const std::string& text) { return check_number<T>(text, low, high); })
    ->type_name("N");
}

CLI::Option* add_choice(CLI::App& app, const std::string& name, std::string& into,
                        const std::vector<std::string>& choices, const std::string& help) {
  auto names = CLI::detail::join(choices, ", ");
  return app.add_option(name, into, help)
    ->check([choices, names](const std::string& text) {
      auto found = std::find(choices.begin(), choices.end(), text) != choices.end();
      return found ? std::string{} : "'" + text + "' is not one of " + names;
    })
    ->type_name(CLI::detail::join(choices, "|"));
}

CLI::Option* add_text(CLI::App& app, const std::string& name, std::string& into,
                      const std::string& type, const std::string& help) {
  return app.add_option(name, into, help)
    ->check([](const std::string& text) { return text.empty() ? "is empty" : ""; })
    ->type_name(type);
}

void add_common(CLI::App& app, common_options& into, const std::string& default_brokers) {
  into.brokers = default_brokers;
  auto shown = default_brokers.empty() ? "127.0.0.1:9092" : default_brokers;
  add_text(app, "--brokers", into.brokers, "HOST:PORT,...",
           "bootstrap brokers, or 'embedded' for a broker inside of this process; default "
             + shown);
  app
    .add_option_function<std::vector<std::string>>(
      "--kafka",
      [&into](const std::vector<std::string>& properties) {
        for (const auto& each : properties) {
          auto sign = each.find('=');
          into.kafka[each.substr(0, sign)] = each.substr(sign + 1);
        }
      },
      "a librdkafka property, e.g. security.protocol=SSL; may be repeated")
    ->check([](const std::string& text) {
      auto sign = text.find('=');
      return sign != 0 && sign != std::string::npos ? std::string{}
                                                    : "'" + text + "' is not of the form key=value";
    })
    ->type_name("KEY=VALUE")
    ->allow_extra_args(false);
  add_text(
    app, "--config", into.config_file, "FILE",
    "configuration file, as docs/configuration.md says: keyloom { brokers = \"...\", kafka { "
    "security.protocol = \"SSL\" } }; options win over it");
  app
    .add_option_function<int64_t>(
      "--timeout", [&into](int64_t s) { into.timeout = std::chrono::seconds{s}; },
      "how long to wait for a broker, in seconds; default connect.timeout of the file, or 30")
    ->check([](const std::string& text) { return check_number<int64_t>(text, 1, 3600); })
    ->type_name("S");
  app.add_flag("--json", into.json, "report as one JSON object on stdout");
}

/// A wrong combination of options that are right each for itself.
void require(bool holds, const std::string& text) {
  if (!holds)
    throw CLI::ValidationError{text};
}

// -- the sub-commands -----------------------------------------------------------------------------

constexpr int64_t max_ms = 3'600'000;

runner add_load(CLI::App& app) {
  auto o = std::make_shared<load_options>();
  add_text(app, "--topic", o->topic, "T", "topic to fill; created when absent")->required();
  auto* records = add_number<uint64_t>(app, "--records", o->records, 0, 1'000'000'000'000,
                                       "records to make up; with --csv at most so many rows (all)");
  auto* keys = add_number<uint64_t>(app, "--keys", o->keys, 1, 100'000'000,
                                    "different keys, k000000 and so on, taking turns");
  add_number<int32_t>(app, "--partitions", o->partitions, 1, 10'000,
                      "partitions of a topic that is created; default 4");
  auto* zipf = add_number<double>(app, "--zipf", o->zipf, 0, 10,
                                  "keys are Zipf-distributed with this exponent instead");
  auto* size = add_number<uint32_t>(app, "--size", o->size, 1, 100'000'000,
                                    "bytes of each value; default 100");
  add_number<double>(app, "--rate", o->rate, 0.001, 100'000'000,
                     "records a second, evenly spread; default as fast as possible");
  auto* csv = add_text(app, "--csv", o->csv, "FILE",
                       "send the rows of this file, .csv or .csv.gz, as JSON objects");
  auto* column = add_text(app, "--key-column", o->key_column, "C",
                          "column of the file that becomes the key; an empty cell gives no key");
  add_common(app, o->common, {});
  csv->needs(column)->excludes(keys)->excludes(zipf)->excludes(size);
  column->needs(csv);
  app.footer(
    "A made-up value is {\"k\":key,\"n\":counter within the key,\"i\":counter overall,\"t\":us "
    "since 1970}, filled up with blanks.\nRecords have the header type=load, rows of a file its "
    "name without .csv.\nExit 1 when a record was not acknowledged, or the "
    "embedded broker dropped some (it keeps 5 MiB a partition).\n"
    "example: keyloom load --topic t --records 1000000 --keys 1000 --partitions 8");
  app.callback([o, records, keys] {
    if (o->csv.empty())
      require(records->count() > 0 && keys->count() > 0,
              "--records and --keys are required, or --csv and --key-column");
  });
  return [o] { return run_load(*o); };
}

runner add_verify(CLI::App& app) {
  auto o = std::make_shared<verify_options>();
  add_text(app, "--topic", o->topic, "T", "the input topic")->required();
  add_text(app, "--out", o->out, "T2", "the output topic")->required();
  app.add_flag("--exactly-once", o->exactly_once, "duplicates are a failure, too");
  add_common(app, o->common, {});
  app.footer(
    "Reads both topics to their present ends (read_committed) and compares them key by key: "
    "records made by `load` by their n and i,\nothers as sequences of values without d and c, "
    "records without a key as a multiset.\nExit 0 when lost, out_of_order and foreign are 0; "
    "duplicates are counted, and allowed unless --exactly-once is given.\n"
    "example: keyloom verify --topic t --out t2");
  return [o] { return run_verify(*o); };
}

runner add_offsets(CLI::App& app) {
  auto o = std::make_shared<offsets_options>();
  add_text(app, "--topic", o->topic, "T", "topic")->required();
  add_text(app, "--group", o->group, "G", "consumer group")->required();
  add_common(app, o->common, {});
  app.footer("Committed offset (-1: none), end and lag of every partition, in records.\n"
             "example: keyloom offsets --topic t --group g");
  return [o] { return run_offsets(*o); };
}

runner add_redrive(CLI::App& app) {
  auto o = std::make_shared<redrive_options>();
  add_text(app, "--dlq", o->dlq, "T", "the dead-letter topic")->required();
  add_text(app, "--to", o->to, "T2", "where its records go; must exist")->required();
  add_number<uint64_t>(app, "--limit", o->limit, 1, 1'000'000'000'000,
                       "send at most so many; default all that are there now");
  app.add_flag("--dry-run", o->dry_run, "read and count, send nothing");
  add_text(app, "--group", o->group, "G",
           "consumer group that remembers how far it came; default keyloom-redrive-T-T2");
  add_common(app, o->common, {});
  app.footer("Key, value, headers and timestamp are the original ones; the headers "
             "keyloom.dead-letter.* go. "
             "A later call goes on\nwhere the last one ended: read: records taken from the "
             "dead-letter topic, "
             "sent: acknowledged, left: still there.\nOne call at a time for each group.\n"
             "example: keyloom redrive --dlq legs-dead --to legs --limit 100");
  app.callback([o] {
    require(o->dlq != o->to, "--to is the dead-letter topic itself, so this would never end; give "
                             "the topic that the records came from, or another one");
  });
  return [o] { return run_redrive(*o); };
}

void add_failure_policy(CLI::App& app, work_options& o) {
  add_choice(app, "--on-error", o.on_error, {"stop", "skip", "dead-letter"},
             "a record that failed for good stops its partition, is skipped, or goes to --dlq; "
             "default that of the file, or stop");
  add_number<uint32_t>(app, "--retries", o.retries, 0, 1'000'000,
                       "how often what failed is tried again; default that of the file, or 0");
  add_text(app, "--dlq", o.dlq, "T4", "the dead-letter topic; must exist");
}

runner add_broker(CLI::App& app) {
  auto o = std::make_shared<broker_options>();
  app.add_flag("--json", o->json, "print the address as one JSON object");
  app.footer(
    "Prints its address and runs until SIGINT or SIGTERM. Nothing survives it; it keeps 5 MiB a "
    "partition; topics get 4 partitions.\nexample: keyloom broker");
  return [o] { return run_broker(*o); };
}

runner add_demo(CLI::App& app) {
  auto o = std::make_shared<demo_options>();
  o->csv = KEYLOOM_DATA_DIR "/legs-2013-01.csv.gz";
  o->planes = KEYLOOM_DATA_DIR "/planes.csv";
  add_number<int64_t>(app, "--lookup-ms", o->lookup_ms, 0, max_ms,
                      "latency added to each look-up, in ms; default 5");
  add_text(app, "--csv", o->csv, "FILE", "legs, .csv or .csv.gz; default a month of real ones");
  add_text(app, "--planes", o->planes, "FILE", "aircraft, .csv; default those of that month");
  add_common(app, o->common, "embedded");
  app.footer("example: keyloom demo --lookup-ms 20");
  return [o] { return run_demo(*o); };
}

void add_stragglers(CLI::App& app, work_options& into) {
  app
    .add_option_function<std::string>(
      "--stragglers",
      [&into](const std::string& text) {
        auto colon = text.find(':');
        into.straggler_fraction = std::stod(text.substr(0, colon));
        into.straggler_ms = std::stoll(text.substr(colon + 1));
      },
      "fraction F of jobs takes MS milliseconds instead, e.g. 0.01:500")
    ->check([](const std::string& text) {
      auto colon = text.find(':');
      if (colon == std::string::npos)
        return "'" + text + "' is not of the form F:MS";
      auto wrong = check_number<double>(text.substr(0, colon), 0, 1);
      return wrong.empty() ? check_number<int64_t>(text.substr(colon + 1), 0, max_ms) : wrong;
    })
    ->type_name("F:MS");
}

void add_work_load(CLI::App& app, work_options& o) {
  add_choice(
    app, "--processor", o.processor, {"none", "compute", "blocking", "actor", "async", "batch"},
    "what a record costs: nothing (none), a hash in its key's actor (compute), a call that "
    "sleeps (blocking), an actor that answers later (actor), an asynchronous function that another "
    "thread answers (async), a call that sleeps for many records of any keys (batch); default "
    "none");
  add_number<uint32_t>(app, "--batch-size", o.batch_size, 1, 1'000'000,
                       "records a batch may have; default 100");
  app.add_flag("--by-run", o.by_run,
               "one call for all records of a key that came together; of compute and blocking, not "
               "with --mode unordered");
  add_number<int64_t>(app, "--delay-ms", o.delay_ms, 0, max_ms,
                      "how long a call, an answer or a batch takes, in ms; default 0");
  add_number<int64_t>(app, "--jitter-ms", o.jitter_ms, 0, max_ms,
                      "up to so many ms more; default 0");
  add_number<double>(app, "--fail-rate", o.fail_rate, 0, 1,
                     "fraction of attempts that fail; default 0");
  add_stragglers(app, o);
}

void check_by_run(const work_options& o) {
  require(!o.by_run || o.processor == "compute" || o.processor == "blocking",
          "--by-run needs --processor compute or blocking");
  require(
    !o.by_run || o.mode != "unordered",
    "--by-run does not go with --mode unordered, where no records belong together; use by_key "
    "or by_partition");
}

void check_batch(const work_options& o) {
  require(!o.batch_size || o.processor == "batch", "--batch-size needs --processor batch");
  require(o.mode == "by_key" || o.processor != "batch",
          "--processor batch goes with --mode by_key only: a key is in one batch at a time");
}

runner add_work(CLI::App& app) {
  auto o = std::make_shared<work_options>();
  add_text(app, "--topic", o->topic, "T", "topic to read")->required();
  add_text(app, "--group", o->group, "G", "consumer group")->required();
  add_text(app, "--out", o->out, "T2",
           "topic for one record per input record; created when absent");
  add_choice(app, "--mode", o->mode, {"by_key", "by_partition", "unordered"},
             "what is worked on at once: keys, partitions, everything; outputs keep their order; "
             "default by_key");
  add_text(app, "--tag", o->tag, "TEXT",
           "a header `by` with this text on each output, to tell workers apart");
  add_work_load(app, *o);
  auto* concurrency = add_number<uint32_t>(app, "--concurrency", o->concurrency, 1, 100'000,
                                           "runs, or batches, that are processed at once");
  add_choice(app, "--preset", o->preset,
             {"standard", "compute_bound", "fast_network", "slow_network", "wide_network"},
             "limits for a kind of work; default standard")
    ->excludes(concurrency);
  app.add_flag(
    "--exactly-once", o->exactly_once,
    "outputs and offsets in transactions: after any crash each record is in T2 once, for "
    "readers of committed records; needs a real broker");
  add_text(
    app, "--state", o->state, "T3",
    "count records per key in a store with this change log, and add the count to the output; "
    "created when absent");
  add_failure_policy(app, *o);
  add_choice(app, "--output-order", o->output_order, {"by_key", "by_event", "none"},
             "order of the outputs; default that of the file, or by_key");
  add_choice(
    app, "--key-turns", o->key_turns, {"automatic", "interleaved", "serial"},
    "when the handler of a key's next record runs; default that of the file, or automatic: "
    "serial with --state, else interleaved");
  add_number<uint32_t>(app, "--http-port", o->http_port, 1, 65535,
                       "serve /, /metrics, /livez and /readyz on this port of 127.0.0.1 "
                       "(http.address of the file: elsewhere)");
  app.add_flag("--until-end", o->until_end,
               "end when the group has committed what was the topic's end at the start");
  add_number<uint16_t>(app, "--inspect-port", o->inspect_port, 0, 65535,
                       "where keyloom inspect and keyloom top look into it, on this machine; 0: a "
                       "free port, which the log tells; default that of the file, or nowhere");
  add_common(app, o->common, {});
  app.footer("example: keyloom work --topic t --group g --out t2 --processor blocking --delay-ms 5 "
             "--concurrency 100 --until-end");
  app.callback([o] {
    check_by_run(*o);
    check_batch(*o);
    require(o->on_error != "dead-letter" || !o->dlq.empty() || !o->common.config_file.empty(),
            "--on-error dead-letter needs --dlq, the topic for them");
  });
  return [o] { return run_work(*o); };
}

/// HOST:PORT of a process that can be looked into.
void add_place(CLI::App& app, inspector_place& into) {
  app
    .add_option_function<std::string>(
      "HOST:PORT",
      [&into](const std::string& text) {
        auto colon = text.rfind(':');
        into.host = text.substr(0, colon);
        into.port = static_cast<uint16_t>(std::stoul(text.substr(colon + 1)));
      },
      "where the process listens: its --inspect-port, or keyloom.inspect.port")
    ->check([](const std::string& text) {
      auto colon = text.rfind(':');
      if (colon == std::string::npos || colon == 0)
        return "'" + text + "' is not of the form HOST:PORT";
      return check_number<uint16_t>(text.substr(colon + 1), 1, 65535);
    })
    ->required();
  app
    .add_option_function<int64_t>(
      "--timeout", [&into](int64_t s) { into.timeout = std::chrono::seconds{s}; },
      "how long to wait for an answer, in seconds; default 30")
    ->check([](const std::string& text) { return check_number<int64_t>(text, 1, 3600); })
    ->type_name("S");
}

/// Acting on what is looked into; one thing a call.
void add_actions(CLI::App& app, inspect_options& o) {
  auto* pause = add_text(app, "--pause", o.pause, "STAGE", "begin no new calls of this stage");
  auto* resume = add_text(app, "--resume", o.resume, "STAGE", "begin calls of it again");
  app.add_option("--key", o.key, "of --pause and --resume: this key alone")->type_name("KEY");
  auto* limit = add_text(app, "--limit", o.limit, "STAGE", "change the limits of this stage");
  auto* concurrency = add_number<uint32_t>(app, "--concurrency", o.to.concurrency, 1, 100'000,
                                           "of --limit: calls at once");
  add_number<uint32_t>(app, "--waiting", o.to.waiting_per_worker, 1, 1'000'000,
                       "of --limit: jobs that may wait for each of them");
  add_number<uint32_t>(app, "--keys", o.to.concurrent_keys, 1, 100'000'000,
                       "of --limit: keys that may have jobs");
  auto* trace = add_number<int32_t>(app, "--trace", o.trace, 0, 1'000'000,
                                    "a line in the process's log for each event of this partition");
  auto* no_trace = add_number<int32_t>(app, "--no-trace", o.no_trace, 0, 1'000'000,
                                       "no such lines any more");
  add_text(app, "--source", o.source, "GROUP", "which source, where the process has several");
  add_text(app, "--topic", o.topic, "T",
           "of --trace and --no-trace, where the source reads several");
  concurrency->needs(limit);
  pause->excludes(resume, limit, trace, no_trace);
  resume->excludes(limit, trace, no_trace);
  limit->excludes(trace, no_trace);
  trace->excludes(no_trace);
}

runner add_inspect(CLI::App& app) {
  auto o = std::make_shared<inspect_options>();
  add_place(app, o->place);
  add_actions(app, *o);
  app.add_flag("--json", o->json, "report as one JSON object on stdout");
  app.footer(
    "One picture of a running process: what stands still first, then partitions, stages, and the "
    "keys that are in flight\nfor longest. With --pause and its like it acts instead. Exit 3 when "
    "nothing answers there.\n"
    "example: keyloom inspect 127.0.0.1:4242\n"
    "         keyloom inspect 127.0.0.1:4242 --pause call --key k000007");
  app.callback([o] {
    require(o->key.empty() || !o->pause.empty() || !o->resume.empty(),
            "--key needs --pause or --resume");
    auto changes = o->to.concurrency || o->to.waiting_per_worker || o->to.concurrent_keys;
    require(o->limit.empty() || changes, "--limit needs --concurrency, --waiting or --keys");
    require(!changes || !o->limit.empty(), "--waiting and --keys need --limit");
  });
  return [o] { return run_inspect(*o); };
}

runner add_top(CLI::App& app) {
  auto o = std::make_shared<top_options>();
  add_place(app, o->place);
  app.footer(
    "A live table of a running process, what stands still first. Keys: arrows choose a line, "
    "Enter looks into it, Backspace\ngoes back, s sorts, q ends. It tries again when the "
    "process is away.\n"
    "example: keyloom top 127.0.0.1:4242");
  return [o] { return run_top(*o); };
}

struct command {
  const char* name;
  const char* summary;
  runner (*add)(CLI::App&);
};

constexpr command commands[] = {
  {"demo", "a month of flights, looked up and put in order, on an embedded broker", add_demo},
  {"load", "fill a topic", add_load},
  {"work", "the reference worker: read a topic, do work, commit in order", add_work},
  {"verify", "compare a worker's output with its input", add_verify},
  {"offsets", "how far a group has come", add_offsets},
  {"inspect", "one picture of a running process, or an action on it", add_inspect},
  {"top", "a live table of a running process", add_top},
  {"redrive", "dead letters back into a topic", add_redrive},
  {"broker", "an embedded broker in the foreground", add_broker},
};

/// Why a command line is wrong, and where to read what is right.
std::string explain(const CLI::App& app, const CLI::ParseError& wrong, int argc, char** argv) {
  auto chosen = app.get_subcommands();
  if (!chosen.empty())
    return std::string{wrong.what()} + "\nsee: keyloom " + chosen.front()->get_name() + " --help";
  // CLI11 says of an unknown command only that one is required.
  auto unknown = argc > 1 && argv[1][0] != '-';
  return (unknown ? "there is no command '" + std::string{argv[1]} + "'" : wrong.what())
         + "\nsee: keyloom --help";
}

int run(int argc, char** argv) {
  CLI::App app{
    "keyloom: keys in parallel, commits in order. Exit codes: 0 what is claimed holds, 1 it "
    "does not, 2 wrong usage, 3 no broker answers.",
    "keyloom"};
  app.set_version_flag("--version", KEYLOOM_VERSION);
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, runner>> added;
  for (const auto& each : commands) {
    auto* sub = app.add_subcommand(each.name, each.summary);
    added.emplace_back(sub, each.add(*sub));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked); // --help, --version
  } catch (const CLI::ParseError& wrong) {
    complain(explain(app, wrong, argc, argv));
    return exit_usage;
  }
  for (const auto& [sub, run_it] : added)
    if (sub->parsed())
      return run_it();
  return exit_usage;
}

} // namespace

} // namespace keyloom::tools

int main(int argc, char** argv) {
  try {
    keyloom::init_global_meta_objects();
    return keyloom::tools::run(argc, argv);
  } catch (const std::exception& problem) {
    keyloom::tools::complain(problem.what());
    return keyloom::tools::exit_failed;
  }
}
