# Finds what keyloom is built on. CAF and librdkafka come from the cache that tools/setup.sh fills
# (or from the system, where setup.sh found them good enough), the rest from Debian packages.
# Targets: CAF::core CAF::io, Rdkafka::rdkafka, spdlog::spdlog, ZLIB::ZLIB, Httplib::httplib,
# nlohmann_json::nlohmann_json.

if(DEFINED ENV{KEYLOOM_CACHE})
  set(keyloom_cache "$ENV{KEYLOOM_CACHE}")
else()
  set(keyloom_cache "$ENV{HOME}/.cache/keyloom")
endif()

# The name is derived as dependencies_file() in tools/lib/dependencies.sh derives it.
set(versions "${PROJECT_SOURCE_DIR}/tools/lib/versions.sh")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${versions}")
file(SHA256 "${versions}" checksum)
string(SUBSTRING "${checksum}" 0 12 checksum)
option(KEYLOOM_TRACE "use a CAF that logs each spawn, send and receive, for tools/flow.sh" OFF)
set(dependencies_file "${keyloom_cache}/dependencies-${checksum}.cmake")
set(setup "tools/setup.sh")
if(KEYLOOM_SANITIZERS MATCHES "thread")
  set(dependencies_file "${keyloom_cache}/dependencies-${checksum}-tsan.cmake")
  set(setup "tools/setup.sh --tsan")
elseif(KEYLOOM_TRACE)
  set(dependencies_file "${keyloom_cache}/dependencies-${checksum}-trace.cmake")
  set(setup "tools/setup.sh --trace")
endif()

if(NOT EXISTS "${dependencies_file}")
  message(FATAL_ERROR
    "CAF and librdkafka are not set up (no ${dependencies_file}). Run ${setup} first; if it "
    "was run with KEYLOOM_CACHE set, set KEYLOOM_CACHE to the same folder here.")
endif()
include("${dependencies_file}")

set(CAF_DIR "${KEYLOOM_CAF_DIR}" CACHE PATH "CAF, as the dependencies file says" FORCE)
find_package(Threads REQUIRED)
find_package(CAF REQUIRED COMPONENTS core io)
find_package(spdlog REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)

# For the page of a running source, which asks no other server for anything.
find_file(chart_js chart.min.js PATH_SUFFIXES share/javascript/chart.js REQUIRED)

find_library(httplib_library cpp-httplib REQUIRED)
add_library(Httplib::httplib UNKNOWN IMPORTED)
set_target_properties(Httplib::httplib PROPERTIES IMPORTED_LOCATION "${httplib_library}")

add_library(Rdkafka::rdkafka UNKNOWN IMPORTED)
set_target_properties(Rdkafka::rdkafka PROPERTIES
  IMPORTED_LOCATION "${KEYLOOM_RDKAFKA_LIBRARY}"
  INTERFACE_INCLUDE_DIRECTORIES "${KEYLOOM_RDKAFKA_INCLUDE_DIR}")
if(KEYLOOM_RDKAFKA_LIBRARY MATCHES "\\.a$")
  find_package(OpenSSL REQUIRED)
  find_library(zstd_library zstd REQUIRED)
  set_target_properties(Rdkafka::rdkafka PROPERTIES INTERFACE_LINK_LIBRARIES
    "OpenSSL::SSL;OpenSSL::Crypto;ZLIB::ZLIB;${zstd_library};Threads::Threads;m;dl;rt")
endif()
