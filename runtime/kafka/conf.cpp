#include "runtime/kafka/conf.hpp"

#include "runtime/kafka/errors.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

namespace keyloom::kafka {

namespace {

caf::error set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> reason{};
  auto result = rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size());
  if (result == RD_KAFKA_CONF_OK)
    return {};
  return caf::make_error(errc::bad_config, "Kafka property " + name + " = \"" + value
                                             + "\" is refused: " + reason.data()
                                             + "; librdkafka's CONFIGURATION.md lists them all");
}

caf::error contradiction(const std::string& name, const std::string& value,
                         const forced_property& must) {
  return caf::make_error(errc::bad_config, "Kafka property " + name + " = \"" + value
                                             + "\" contradicts keyloom's " + must.name + " = \""
                                             + must.value + "\": " + must.why
                                             + "; leave the property out");
}

// librdkafka's second names for properties that may be forced.
std::string main_name(const std::string& name) {
  return name == "metadata.broker.list" ? "bootstrap.servers" : name;
}

caf::error check(const properties& user, const std::vector<forced_property>& forced) {
  for (const auto& [name, value] : user)
    for (const auto& must : forced)
      if (must.name == main_name(name) && !same_value(value, must.value))
        return contradiction(name, value, must);
  return {};
}

} // namespace

bool same_value(const std::string& x, const std::string& y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  });
}

caf::expected<conf_handle> make_conf(const properties& defaults, const properties& user,
                                     const std::vector<forced_property>& forced) {
  if (auto err = check(user, forced))
    return err;
  conf_handle conf{rd_kafka_conf_new()};
  for (const auto* layer : {&defaults, &user})
    for (const auto& [name, value] : *layer)
      if (auto err = set(conf.get(), name, value))
        return err;
  for (const auto& must : forced)
    if (auto err = set(conf.get(), must.name, must.value))
      return err;
  return conf;
}

forced_property brokers_property(const std::string& brokers) {
  return {"bootstrap.servers", brokers, "the setting `brokers` says where the cluster is"};
}

caf::expected<client_handle> make_client(rd_kafka_type_t type, conf_handle conf) {
  std::array<char, 512> reason{};
  client_handle client{rd_kafka_new(type, conf.get(), reason.data(), reason.size())};
  if (!client)
    return caf::make_error(
      errc::bad_config, std::string{"the Kafka client refuses its properties: "} + reason.data());
  [[maybe_unused]] auto* owned_by_client = conf.release();
  return client;
}

size_t size_property(rd_kafka_t* client, const char* name) {
  std::array<char, 32> text{};
  auto size = text.size();
  if (rd_kafka_conf_get(rd_kafka_conf(client), name, text.data(), &size) != RD_KAFKA_CONF_OK)
    return 0;
  return std::strtoull(text.data(), nullptr, 10);
}

} // namespace keyloom::kafka
