// What a child process of the tests runs: an event source until a signal, as a user's program does.
#pragma once

#include <string>
#include <vector>

namespace keyloom::test {

/// Arguments of a child: how it works, broker, group, topic, topic for its outputs, and if wanted
/// properties of the client (name=value) instead of a short session.
///   hold     a blocking call a record, which never returns; prints "call" when one begins
///   forward  copies records as they are, and commits nothing before it stops
///   straggle copies records, but those of key "held", which it calls as in hold; commits all the
///            time
///   slow     as forward, with a short blocking call a record, and commits all the time
/// The source logs to stderr.
constexpr auto child_flag = "--child";

int run_child(const std::vector<std::string>& arguments);

} // namespace keyloom::test
