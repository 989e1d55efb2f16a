# The memory allocator of our programs: the interface target keyloom_allocator.
#
# Records are allocated by the client's threads and freed by others, which glibc's allocator answers
# with a lock for each: tcmalloc makes the same program read 1.5 to 2 times as fast (ARCHITECTURE.md,
# "Figures"). It is the program's choice, not the library's; sanitizers bring their own.

set(KEYLOOM_ALLOCATOR tcmalloc CACHE STRING "what programs allocate with: tcmalloc, or system")
set_property(CACHE KEYLOOM_ALLOCATOR PROPERTY STRINGS tcmalloc system)

add_library(keyloom_allocator INTERFACE)
if(KEYLOOM_ALLOCATOR STREQUAL "tcmalloc" AND NOT KEYLOOM_SANITIZERS)
  find_library(tcmalloc_library NAMES libtcmalloc_minimal.a tcmalloc_minimal REQUIRED)
  target_link_libraries(keyloom_allocator
    INTERFACE "$<LINK_LIBRARY:WHOLE_ARCHIVE,${tcmalloc_library}>" Threads::Threads)
elseif(NOT KEYLOOM_ALLOCATOR MATCHES "^(tcmalloc|system)$")
  message(FATAL_ERROR "KEYLOOM_ALLOCATOR is '${KEYLOOM_ALLOCATOR}': take tcmalloc or system")
endif()
