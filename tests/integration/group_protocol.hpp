// The ways in which a consumer may be a member of its group.
#pragma once

#include "tests/integration/broker_fixture.hpp"

#include <vector>

namespace keyloom::test {

enum class group_protocol {
  classic,  ///< cooperative-sticky, as the client's heartbeats and session say
  fixed,    ///< the same with static membership: a member that comes back is the one that left
  consumer, ///< KIP-848: the broker assigns, and says when a member is missed
};

inline std::string name_of(group_protocol protocol) {
  return protocol == group_protocol::classic ? "classic"
         : protocol == group_protocol::fixed ? "static membership"
                                             : "consumer";
}

/// Those that the broker knows.
inline std::vector<group_protocol> protocols_of(const test_broker& broker) {
  if (broker.is_embedded())
    return {group_protocol::classic};
  return {group_protocol::classic, group_protocol::fixed, group_protocol::consumer};
}

/// What makes a member of that kind; `instance` is no other member's.
inline kafka::properties properties_of(group_protocol protocol, const std::string& instance) {
  kafka::properties result{{"fetch.wait.max.ms", "10"}};
  if (protocol == group_protocol::consumer) {
    result["group.protocol"] = "consumer";
    return result;
  }
  result["session.timeout.ms"] = "3000";
  result["heartbeat.interval.ms"] = "300";
  if (protocol == group_protocol::fixed)
    result["group.instance.id"] = instance;
  return result;
}

} // namespace keyloom::test
