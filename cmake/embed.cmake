# Builds files into the library: `keyloom_embed(LIST NAME FILE ...)` appends to LIST a C++
# file for each, which defines `const std::string_view keyloom::actors::page::NAME`. As a script
# (cmake -P) it writes one of them.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  file(READ "${input}" bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  file(WRITE "${output}" "#include <string_view>
namespace keyloom::actors::page {
static constexpr char bytes[] = {${bytes}};
extern const std::string_view ${name};
constinit const std::string_view ${name}{bytes, sizeof bytes};
} // namespace keyloom::actors::page
")
  return()
endif()

function(keyloom_embed into)
  set(result ${${into}})
  while(ARGN)
    list(POP_FRONT ARGN name file)
    set(output "${PROJECT_BINARY_DIR}/embedded/${name}.cpp")
    add_custom_command(OUTPUT "${output}"
      COMMAND "${CMAKE_COMMAND}" "-Dinput=${file}" "-Doutput=${output}" "-Dname=${name}"
        -P "${PROJECT_SOURCE_DIR}/cmake/embed.cmake"
      DEPENDS "${file}" "${PROJECT_SOURCE_DIR}/cmake/embed.cmake" VERBATIM)
    list(APPEND result "${output}")
  endwhile()
  set(${into} ${result} PARENT_SCOPE)
endfunction()
