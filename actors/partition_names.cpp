#include "actors/partition_names.hpp"

#include <algorithm>

namespace keyloom::actors {

std::string name_of(const kafka::topic_partition& where) {
  return where.topic + "/" + std::to_string(where.partition);
}

std::string names_of(std::vector<kafka::topic_partition> partitions) {
  std::sort(partitions.begin(), partitions.end());
  std::string result;
  for (auto first = partitions.begin(); first != partitions.end();) {
    auto last = first;
    auto next = std::next(first);
    while (next != partitions.end() && next->topic == last->topic
           && next->partition <= last->partition + 1)
      last = next++;
    result += (result.empty() ? "" : ", ") + name_of(*first);
    if (last->partition > first->partition)
      result += "-" + std::to_string(last->partition);
    first = next;
  }
  return result;
}

} // namespace keyloom::actors
