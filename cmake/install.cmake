# What `cmake --install` puts where: the public headers, the library, the program, and what other
# projects need to find and link them by CMake (find_package(keyloom)) or pkg-config.
#
# keyloom is a static library, so whoever links it links what it is made of. CAF and librdkafka,
# when they were built into the cache, are installed beside it, into lib/keyloom: the cache may be
# deleted, and the versions must be these. Those of the system are looked for there again, and so is
# what comes from Debian packages: spdlog, fmt, cpp-httplib, OpenSSL, zlib, zstd.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(keyloom_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/keyloom")
set(keyloom_private_dir "${CMAKE_INSTALL_LIBDIR}/keyloom")

install(DIRECTORY include/keyloom DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.hpp")
install(TARGETS keyloom EXPORT keyloom ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT keyloom NAMESPACE keyloom:: FILE keyloomTargets.cmake
  DESTINATION "${keyloom_cmake_dir}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# --- CAF: `keyloom_caf_prefix`, and what pkg-config is told -------------------------------------------

if(KEYLOOM_CAF_DIR MATCHES "^${keyloom_cache}/(.*)/lib/cmake/CAF$")
  set(keyloom_caf_prefix "${keyloom_private_dir}/caf")
  install(DIRECTORY "${keyloom_cache}/${CMAKE_MATCH_1}/" DESTINATION "${keyloom_private_dir}/caf")
  set(pc_caf_flags "-isystem \${private}/caf/include")
  set(pc_caf_libs "-L\${private}/caf/lib -lcaf_io -lcaf_core")
else()
  set(keyloom_caf_prefix "")
  set(pc_caf_flags "")
  set(pc_caf_libs "-lcaf_io -lcaf_core")
endif()

# --- librdkafka: `keyloom_rdkafka`, the library's place or its name --------------------------------

cmake_path(GET KEYLOOM_RDKAFKA_LIBRARY FILENAME rdkafka_file)
if(rdkafka_file MATCHES "\\.a$")
  set(keyloom_rdkafka "${keyloom_private_dir}/${rdkafka_file}")
  install(FILES "${KEYLOOM_RDKAFKA_LIBRARY}" DESTINATION "${keyloom_private_dir}")
  set(pc_rdkafka_libs "\${private}/${rdkafka_file} -lssl -lcrypto -lz -lzstd")
else()
  set(keyloom_rdkafka "")
  set(pc_rdkafka_libs "-lrdkafka")
endif()

# --- how they are found ---------------------------------------------------------------------------

configure_package_config_file(cmake/keyloomConfig.cmake.in
  "${PROJECT_BINARY_DIR}/install/keyloomConfig.cmake" INSTALL_DESTINATION "${keyloom_cmake_dir}"
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/install/keyloomConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/install/keyloomConfig.cmake"
  "${PROJECT_BINARY_DIR}/install/keyloomConfigVersion.cmake" DESTINATION "${keyloom_cmake_dir}")

# The prefix is found from the file's own place, so that an installed tree can be moved.
file(RELATIVE_PATH pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
configure_file(cmake/keyloom.pc.in "${PROJECT_BINARY_DIR}/install/keyloom.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/install/keyloom.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
