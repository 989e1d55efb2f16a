// Partitions as people read them in a log line: a thousand of them are one range. Any thread.
#pragma once

#include "runtime/kafka/properties.hpp"

#include <vector>

namespace keyloom::actors {

/// topic/number, as "legs/3".
std::string name_of(const kafka::topic_partition& where);

/// Sorted, with neighbours as ranges: "legs/0-7, legs/9, planes/0".
std::string names_of(std::vector<kafka::topic_partition> partitions);

} // namespace keyloom::actors
