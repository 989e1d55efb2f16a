// What the programs that use librdkafka as it is have in common: their command line, how they make
// clients and end on errors, and the figures they print.
#pragma once

#include <librdkafka/rdkafka.h>

#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace raw {

using steady = std::chrono::steady_clock;
using properties = std::vector<std::pair<std::string, std::string>>;

constexpr int metadata_timeout_ms = 10'000;

struct settings {
  std::string brokers;
  std::string topic;
  std::string group;
  std::string out;
  std::string producers = "2"; ///< raw_eos
  std::string cadence = "10";  ///< raw_eos: milliseconds
  bool follow = false;         ///< raw_eos
  bool json = false;
  properties kafka = {};
};

[[noreturn]] inline void die(int code, const std::string& text) {
  std::cerr << text << '\n';
  std::exit(code);
}

inline void check(rd_kafka_resp_err_t code, const std::string& what) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    die(1, what + ": " + rd_kafka_err2str(code));
}

inline void check(rd_kafka_error_t* error, const std::string& what) {
  if (error != nullptr)
    die(1, what + ": " + rd_kafka_error_string(error));
}

inline rd_kafka_conf_t* make_conf(const properties& ours, const properties& users) {
  auto* conf = rd_kafka_conf_new();
  std::array<char, 512> why{};
  for (const auto* layer : {&ours, &users})
    for (const auto& [name, value] : *layer)
      if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size())
          != RD_KAFKA_CONF_OK)
        die(2, why.data());
  return conf;
}

inline rd_kafka_t* make_client(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  std::array<char, 512> why{};
  auto* result = rd_kafka_new(type, conf, why.data(), why.size());
  if (result == nullptr)
    die(2, why.data());
  return result;
}

/// The consumer's settings are those of runtime/kafka/consumer.cpp.
inline rd_kafka_t* make_consumer(const settings& cfg, int events) {
  auto* conf = make_conf({{"bootstrap.servers", cfg.brokers},
                          {"client.id", "raw"},
                          {"group.id", cfg.group},
                          {"queued.min.messages", "20000"},
                          {"queued.max.messages.kbytes", "65536"},
                          {"fetch.queue.backoff.ms", "10"},
                          {"fetch.wait.max.ms", "50"},
                          {"enable.auto.commit", "false"},
                          {"enable.auto.offset.store", "false"},
                          {"auto.offset.reset", "earliest"},
                          {"enable.partition.eof", "true"},
                          {"partition.assignment.strategy", "cooperative-sticky"}},
                         cfg.kafka);
  rd_kafka_conf_set_events(conf, events);
  auto* result = make_client(RD_KAFKA_CONSUMER, conf);
  check(rd_kafka_poll_set_consumer(result), "cannot read events");
  return result;
}

inline void subscribe(rd_kafka_t* client, const std::string& topic) {
  auto* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), RD_KAFKA_PARTITION_UA);
  check(rd_kafka_subscribe(client, list), "cannot subscribe");
  rd_kafka_topic_partition_list_destroy(list);
}

struct range {
  int64_t low = 0;
  int64_t high = 0;
};

inline size_t partition_count(rd_kafka_t* client, rd_kafka_topic_t* topic, const settings& cfg) {
  const rd_kafka_metadata_t* metadata = nullptr;
  auto code = rd_kafka_metadata(client, 0, topic, &metadata, metadata_timeout_ms);
  if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT)
    die(3, "no broker answers at " + cfg.brokers);
  auto name = std::string{rd_kafka_topic_name(topic)};
  check(code, "cannot look up topic " + name);
  check(metadata->topics[0].err, "topic " + name);
  auto result = static_cast<size_t>(metadata->topics[0].partition_cnt);
  rd_kafka_metadata_destroy(metadata);
  return result;
}

/// Where each partition of the topic begins and ends now.
inline std::vector<range> find_ends(rd_kafka_t* client, const settings& cfg) {
  auto* topic = rd_kafka_topic_new(client, cfg.topic.c_str(), nullptr);
  std::vector<range> result(partition_count(client, topic, cfg));
  for (size_t i = 0; i < result.size(); ++i)
    check(rd_kafka_query_watermark_offsets(client, cfg.topic.c_str(), static_cast<int32_t>(i),
                                           &result[i].low, &result[i].high, metadata_timeout_ms),
          "cannot look up the end of partition " + std::to_string(i));
  rd_kafka_topic_destroy(topic);
  return result;
}

/// A partition's queue, taken out of the consumer's own: before the partition is assigned, or
/// records would arrive there.
inline rd_kafka_queue_t* take_queue(rd_kafka_t* client, const rd_kafka_topic_partition_t& of) {
  auto* result = rd_kafka_queue_get_partition(client, of.topic, of.partition);
  rd_kafka_queue_forward(result, nullptr);
  return result;
}

struct figures {
  size_t records = 0;
  size_t commits = 0;
  steady::time_point first_record = {};
  steady::time_point last_commit = {};
};

inline void report(const figures& of, bool json) {
  auto seconds = std::chrono::duration<double>(of.last_commit - of.first_record).count();
  seconds = of.records == 0 ? 0 : seconds;
  auto rate = seconds > 0 ? static_cast<double>(of.records) / seconds : 0;
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto in_seconds = [](const timeval& x) {
    return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_usec) / 1e6;
  };
  auto cpu = in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
  auto memory = static_cast<double>(used.ru_maxrss) / 1024;
  const auto* format
    = json ? "{\"records\":%zu,\"seconds\":%.3f,\"rec_per_s\":%.0f,\"cpu_s\":%.3f,"
             "\"maxrss_mb\":%.1f,\"commits\":%zu}\n"
           : "%zu records in %.3f s: %.0f records/s; %.3f s of CPU, %.1f MB, %zu commits\n";
  // Both formats take the same arguments; the compiler cannot see a chosen literal.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  std::printf(format, of.records, seconds, rate, cpu, memory, of.commits);
#pragma GCC diagnostic pop
}

inline settings parse(int argc, char** argv, std::string_view usage) {
  settings result;
  std::map<std::string_view, std::string*> texts{
    {"--brokers", &result.brokers},     {"--topic", &result.topic},
    {"--group", &result.group},         {"--out", &result.out},
    {"--producers", &result.producers}, {"--cadence", &result.cadence}};
  for (int i = 1; i < argc; ++i) {
    std::string_view name{argv[i]};
    if (name == "--json") {
      result.json = true;
      continue;
    }
    if (name == "--follow") {
      result.follow = true;
      continue;
    }
    if (name == "--help") {
      std::cout << usage;
      std::exit(0);
    }
    if (!texts.contains(name) && name != "--kafka")
      die(2, "unknown option " + std::string{name} + "\n" + std::string{usage});
    if (++i == argc)
      die(2, std::string{name} + " takes a value");
    std::string value{argv[i]};
    if (name != "--kafka")
      *texts[name] = value;
    else if (auto at = value.find('='); at != std::string::npos)
      result.kafka.emplace_back(value.substr(0, at), value.substr(at + 1));
    else
      die(2, "--kafka takes property=value, not " + value);
  }
  if (result.brokers.empty() || result.topic.empty() || result.group.empty())
    die(2, "--brokers, --topic and --group are needed\n" + std::string{usage});
  return result;
}

} // namespace raw
