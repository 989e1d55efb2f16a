# How keyloom's own code is compiled: the interface target keyloom_options. Dependencies count as
# system headers, so the warnings are about our code only.

set(KEYLOOM_SANITIZERS "" CACHE STRING "sanitizers to build with, such as address,undefined")
option(KEYLOOM_WARNINGS_AS_ERRORS "a warning fails the build" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(keyloom_options INTERFACE)
target_compile_options(keyloom_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align
  -Wunused -Wformat=2 -Wimplicit-fallthrough -Wextra-semi
  # Options structs are written {.group = "g", .topic = "t"}; the rest keeps its defaults.
  -Wno-missing-field-initializers
  $<$<BOOL:${KEYLOOM_WARNINGS_AS_ERRORS}>:-Werror>)

# For every target, ours and those of a test framework alike: half-sanitized programs report
# container overflows that are none.
if(KEYLOOM_SANITIZERS)
  add_compile_options(-fsanitize=${KEYLOOM_SANITIZERS} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${KEYLOOM_SANITIZERS})
  # Each of them asks at every access to a member, which is two fifths of what a build takes: the address sanitizer sees null
  # dereferences, too.
  if(KEYLOOM_SANITIZERS MATCHES "address" AND KEYLOOM_SANITIZERS MATCHES "undefined")
    add_compile_options(-fno-sanitize=null,alignment)
  endif()
endif()
