// What a child process does that counts the records of each key under exactly once, as
// counting_rig.hpp says, until it is killed or frozen.
#pragma once

#include <string>
#include <vector>

namespace keyloom::test {

/// Arguments: broker, group, topic, topic for the counts, change log, instance. Each record takes a
/// moment, so that there is a middle to be killed in. The source logs to stderr.
constexpr auto counting_child_flag = "--counting-child";

int run_counting_child(const std::vector<std::string>& arguments);

} // namespace keyloom::test
