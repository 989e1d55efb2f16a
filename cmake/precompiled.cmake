# Precompiled headers: of others (standard library, CAF, Catch2), never of ours. Parsing them is two thirds
# of what a build takes. With -DKEYLOOM_PRECOMPILED=OFF nothing uses them, and clang-tidy never does, so a file
# must still include what it uses. Examples and public headers are compiled as a user's are, without.

option(KEYLOOM_PRECOMPILED "precompile the headers of dependencies" ON)

set(keyloom_precompiled_headers
  <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <deque> <functional> <iostream> <list>
  <map> <memory> <mutex> <optional> <random> <set> <span> <string> <string_view> <thread> <tuple>
  <unordered_map> <utility> <variant> <vector>
  <caf/actor_system.hpp> <caf/actor_system_config.hpp> <caf/event_based_actor.hpp> <caf/scoped_actor.hpp>
  <caf/stateful_actor.hpp> <caf/typed_event_based_actor.hpp> <caf/typed_response_promise.hpp>)

# keyloom_precompile(NAME [HEADER...] FOR TARGET...): these targets use the headers above and those named here.
function(keyloom_precompile name)
  cmake_parse_arguments(PARSE_ARGV 1 given "" "" FOR)
  if(NOT KEYLOOM_PRECOMPILED)
    return()
  endif()
  add_library(${name} OBJECT "${PROJECT_SOURCE_DIR}/cmake/precompiled.cpp")
  target_link_libraries(${name} PRIVATE CAF::core CAF::io keyloom_options)
  target_precompile_headers(${name} PRIVATE ${keyloom_precompiled_headers} ${given_UNPARSED_ARGUMENTS})
  foreach(target IN LISTS given_FOR)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endforeach()
endfunction()
