# With -DKEYLOOM_UNITY=ON files are compiled together where they can be (see unity.py): a build from nothing has half the
# objects, one after a change takes longer. For CI. A file must compile alone as well; the other builds see to that.

option(KEYLOOM_UNITY "compile several files together, for builds from nothing" OFF)

# keyloom_unity(TARGET...): the files of these targets, but for those that are to be compiled alone.
function(keyloom_unity)
  if(NOT KEYLOOM_UNITY)
    return()
  endif()
  # Members of types from an unnamed namespace want to be in the main file; short names of one shadow those of others.
  set_source_files_properties(actors/setting_table.cpp actors/test_system.cpp runtime/kafka/change_log_reader.cpp runtime/kafka/user_producer.cpp
    tools/plane_table.cpp
    DIRECTORY "${PROJECT_SOURCE_DIR}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  foreach(target IN LISTS ARGN)
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources INCLUDE REGEX "\\.cpp$")
    list(FILTER sources EXCLUDE REGEX "/main\\.cpp$|^${PROJECT_BINARY_DIR}/")
    execute_process(
      COMMAND ${Python3_EXECUTABLE} "${PROJECT_SOURCE_DIR}/cmake/unity.py" 8 ${sources}
      OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
    string(REPLACE "\n" ";" lines "${lines}")
    foreach(line IN LISTS lines)
      if(line MATCHES "^(unit[0-9]+) (.+)$")
        set_source_files_properties("${CMAKE_MATCH_2}" PROPERTIES UNITY_GROUP ${CMAKE_MATCH_1})
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  endforeach()
endfunction()
