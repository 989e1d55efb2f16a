// From properties to a configured client. Three layers: keyloom's defaults, which the user may
// change; the user's; and what keyloom's rules rest on, which nobody may change. A user's value
// that contradicts the last is refused with both values named, never overruled in silence. One
// thread.
#pragma once

#include "runtime/kafka/handles.hpp"
#include "runtime/kafka/properties.hpp"

#include <caf/expected.hpp>

#include <string>
#include <vector>

namespace keyloom::kafka {

/// A property that must have this value, and why, for people who tried another.
struct forced_property {
  std::string name;
  std::string value;
  std::string why;
};

/// A default of every client that connects to a real broker. A client that has a connection and
/// needs another (to a coordinator, or to the broker behind the address it was given) waits for
/// half of this, 50 ms by librdkafka's own default; after a failure it doubles, up to
/// reconnect.backoff.max.ms.
inline const properties::value_type quick_to_connect{"reconnect.backoff.ms", "20"};

/// Whether two values of a property are the same to librdkafka, which does not tell cases apart.
bool same_value(const std::string& x, const std::string& y);

/// The layers together. Errors: errc::bad_config names the property, the value and the reason.
caf::expected<conf_handle> make_conf(const properties& defaults, const properties& user,
                                     const std::vector<forced_property>& forced);

/// The forced property every client has: where its brokers are.
forced_property brokers_property(const std::string& brokers);

/// Starts a client. Errors: errc::bad_config, because it is combinations of properties that make
/// librdkafka refuse.
caf::expected<client_handle> make_client(rd_kafka_type_t type, conf_handle conf);

/// A property of the client that is a number; 0 when it has none of this name.
size_t size_property(rd_kafka_t* client, const char* name);

} // namespace keyloom::kafka
