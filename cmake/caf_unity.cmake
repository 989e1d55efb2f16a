# Files of CAF 0.18.7 whose anonymous namespaces or macros collide in a unity build.
# Passed to CAF's own build as CMAKE_PROJECT_CAF_INCLUDE by tools/lib/dependencies.sh.
cmake_language(DEFER CALL keep_out_of_unity)
function(keep_out_of_unity)
  set_source_files_properties(
    ${CMAKE_SOURCE_DIR}/libcaf_core/src/binary_serializer.cpp
    ${CMAKE_SOURCE_DIR}/libcaf_core/src/json_reader.cpp
    ${CMAKE_SOURCE_DIR}/libcaf_core/src/config_value_writer.cpp
    TARGET_DIRECTORY libcaf_core
    PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  set_source_files_properties(
    ${CMAKE_SOURCE_DIR}/libcaf_io/src/io/network/native_socket.cpp
    TARGET_DIRECTORY libcaf_io
    PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
