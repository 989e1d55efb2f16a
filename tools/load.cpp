#include "tools/load.hpp"

#include "tools/csv_source.hpp"
#include "tools/generated_source.hpp"
#include "tools/loader.hpp"
#include "tools/report.hpp"

#include <keyloom/errc.hpp>

#include <iostream>

namespace keyloom::tools {

namespace {

caf::expected<std::unique_ptr<load_source>> open_source(const load_options& options) {
  if (!options.csv.empty())
    return csv_source::open(options.csv, options.key_column, options.records);
  generated_source::config cfg{.records = options.records.value_or(0),
                               .keys = options.keys,
                               .value_bytes = options.size,
                               .zipf = options.zipf};
  if (auto err = generated_source::check(cfg))
    return err;
  return std::unique_ptr<load_source>{std::make_unique<generated_source>(cfg)};
}

/// Where a topic's partitions began and ended before anything was added.
using marks = std::vector<kafka::watermarks>;

/// Creates the topic when it is absent.
caf::expected<marks> open_topic(cluster_access& access, const load_options& options) {
  auto existing = access.partition_count(options.topic);
  if (!existing) {
    if (existing.error() != errc::topic_missing)
      return std::move(existing.error());
    auto wanted = options.partitions.value_or(load_options::default_partitions);
    if (auto err = access.ensure_topic(options.topic, wanted))
      return err;
    return marks(static_cast<size_t>(wanted));
  }
  if (options.partitions && *existing != *options.partitions)
    std::cerr << "keyloom: topic " << options.topic << " exists with " << *existing
              << " partitions; --partitions " << *options.partitions << " changes nothing\n";
  return access.cluster().query_watermarks(options.topic, access.timeout());
}

/// Records that the broker had to drop while others were added: the embedded one keeps 5 MiB a
/// partition.
uint64_t count_dropped(const marks& before, const marks& after) {
  uint64_t result = 0;
  for (size_t i = 0; i < std::min(before.size(), after.size()); ++i)
    result += static_cast<uint64_t>(std::max<int64_t>(after[i].low - before[i].low, 0));
  return result;
}

int report(const load_options& options, const loader::summary& result, size_t partitions,
           uint64_t dropped) {
  auto rate = result.seconds > 0 ? static_cast<double>(result.acknowledged) / result.seconds : 0;
  nlohmann::ordered_json fields{{"topic", options.topic},
                                {"partitions", partitions},
                                {"records", result.acknowledged},
                                {"seconds", rounded(result.seconds)},
                                {"rec_per_s", rounded(rate, 1)},
                                {"errors", result.errors},
                                {"dropped", dropped}};
  print_report(fields, options.common.json, "loaded " + options.topic);
  if (result.errors > 0)
    complain(with_commas(result.errors)
             + " records were not acknowledged; the first: " + describe(result.first_error));
  if (dropped > 0)
    complain("the broker dropped the oldest " + with_commas(dropped) + " records of "
             + options.topic
             + " meanwhile: the embedded broker keeps 5 MiB a partition; load fewer records, into "
               "more partitions, or into a real broker");
  return result.errors == 0 && dropped == 0 ? exit_ok : exit_failed;
}

} // namespace

int run_load(const load_options& options) {
  actors::stop_signal stop;
  auto source = open_source(options);
  if (!source)
    return fail(source.error());
  auto access = cluster_access::open(options.common);
  if (!access)
    return fail(access.error());
  auto before = open_topic(*access, options);
  if (!before)
    return fail(before.error());
  auto result = loader{*access, **source, stop, options.rate}.run(options.topic);
  if (!result)
    return fail(result.error());
  auto after = before;
  if (result->acknowledged > 0)
    after = access->cluster().query_watermarks(options.topic, access->timeout());
  if (!after)
    return fail(after.error());
  return report(options, *result, before->size(), count_dropped(*before, *after));
}

} // namespace keyloom::tools
