// How long after it was produced a record's result can be read: reads the output topic of `keyloom
// work` from its end and takes the time in the field "t" of each value (`keyloom load` writes it,
// microseconds since 1970) from the time of reading. The first second is left out, also after a
// pause of a second: connections are made in it. Ends after --records; prints percentiles in
// milliseconds. One thread.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int metadata_timeout_ms = 10'000;
constexpr int64_t warm_up_us = 1'000'000;

[[noreturn]] void die(int code, const std::string& text) {
  std::cerr << "visible_latency: " << text << '\n';
  std::exit(code);
}

struct settings {
  std::string brokers;
  std::string topic;
  size_t records = 0;
};

settings parse(int argc, char** argv) {
  settings result;
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    if (name == "--json")
      continue;
    if (i + 1 == argc)
      die(2, std::string{name} + " takes a value");
    std::string value = argv[++i];
    if (name == "--brokers")
      result.brokers = value;
    else if (name == "--topic")
      result.topic = value;
    else if (name == "--records")
      result.records = std::strtoull(value.c_str(), nullptr, 10);
    else
      die(2, "unknown option " + std::string{name});
  }
  if (result.brokers.empty() || result.topic.empty() || result.records == 0)
    die(2, "usage: visible_latency --brokers HOST:PORT --topic T --records N [--json]");
  return result;
}

rd_kafka_t* make_client(const settings& cfg) {
  char why[512] = {};
  auto* conf = rd_kafka_conf_new();
  auto set = [&](const char* name, const char* value) {
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
      die(2, why);
  };
  set("bootstrap.servers", cfg.brokers.c_str());
  set("group.id", "visible-latency"); // nobody joins it
  set("enable.auto.commit", "false");
  set("fetch.wait.max.ms", "50");
  auto* client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
  if (client == nullptr)
    die(2, why);
  rd_kafka_poll_set_consumer(client);
  return client;
}

void read_from_end(rd_kafka_t* client, const std::string& topic) {
  auto* handle = rd_kafka_topic_new(client, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  if (auto code = rd_kafka_metadata(client, 0, handle, &metadata, metadata_timeout_ms))
    die(3, rd_kafka_err2str(code));
  auto* list = rd_kafka_topic_partition_list_new(metadata->topics[0].partition_cnt);
  for (int32_t i = 0; i < metadata->topics[0].partition_cnt; ++i)
    rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset = RD_KAFKA_OFFSET_END;
  if (auto code = rd_kafka_assign(client, list))
    die(1, rd_kafka_err2str(code));
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
}

int64_t now_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::optional<int64_t> produce_time(std::string_view value) {
  constexpr std::string_view field = "\"t\":";
  auto at = value.find(field);
  if (at == value.npos)
    return std::nullopt;
  return std::strtoll(std::string{value.substr(at + field.size(), 20)}.c_str(), nullptr, 10);
}

/// Microseconds from produced to read, of the records behind the first second after a pause.
std::vector<int64_t> read(rd_kafka_t* client, size_t records) {
  std::vector<int64_t> result;
  int64_t first = 0;
  int64_t last = 0;
  for (size_t seen = 0; seen < records;) {
    auto* message = rd_kafka_consumer_poll(client, 100);
    if (message == nullptr)
      continue;
    auto now = now_us();
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      die(1, rd_kafka_message_errstr(message));
    ++seen;
    if (now - last > warm_up_us)
      first = now;
    last = now;
    auto produced = produce_time({static_cast<const char*>(message->payload), message->len});
    if (produced && now - first > warm_up_us)
      result.push_back(now - *produced);
    rd_kafka_message_destroy(message);
  }
  return result;
}

double percentile_ms(std::vector<int64_t>& sorted, double part) {
  if (sorted.empty())
    return 0;
  return static_cast<double>(sorted[static_cast<size_t>(part * double(sorted.size() - 1))]) / 1000;
}

} // namespace

int main(int argc, char** argv) {
  auto cfg = parse(argc, argv);
  auto* client = make_client(cfg);
  read_from_end(client, cfg.topic);
  auto times = read(client, cfg.records);
  std::sort(times.begin(), times.end());
  std::printf("{\"records\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n", times.size(),
              percentile_ms(times, 0.5), percentile_ms(times, 0.99), percentile_ms(times, 1));
  rd_kafka_consumer_close(client);
  rd_kafka_destroy(client);
}
