# The standard headers that nearly every file includes, compiled once for all modules: it halves the CPU time of a
# build (docs/decisions/0003-precompiled-standard-headers.md). Files include what they use all the same: `make check`
# compiles headers, and clang-tidy sources, without it.
#
# A target whose flags differ opts out: set_target_properties(x PROPERTIES DISABLE_PRECOMPILE_HEADERS ON).
option(GODWIT_PCH "precompile the standard headers" ON)

set(godwit_pch_headers
  <algorithm> <array> <chrono> <compare> <coroutine> <cstddef> <cstdint> <cstring> <deque> <functional> <map> <memory>
  <optional> <set> <span> <string> <string_view> <tuple> <unordered_map> <utility> <variant> <vector> <tl/expected.hpp>)

# In the release build what tests and tools compile once and run for seconds is not optimized: half of that build's time
# went into it. The libraries under test are built as they are shipped.
function(godwit_compile_quickly target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>)
endfunction()

# godwit_use_pch(TARGET [TEST]): with TEST, gtest besides. Nothing is linked: only the flags and the .pch are shared.
function(godwit_use_pch target)
  if(NOT GODWIT_PCH)
    return()
  endif()
  set(from godwit_pch)
  set(headers ${godwit_pch_headers})
  if("TEST" IN_LIST ARGN)
    set(from godwit_pch_test)
    list(APPEND headers <gtest/gtest.h>)
  endif()
  if(NOT TARGET ${from})
    set(source "${CMAKE_BINARY_DIR}/${from}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "// Holds the precompiled header.\n")
    add_library(${from} STATIC "${source}")
    target_link_libraries(${from} PRIVATE godwit_flags)
    target_precompile_headers(${from} PRIVATE ${headers})
    # Otherwise the .pch is another file after each checkout, and ccache never hits.
    target_compile_options(${from} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    if("TEST" IN_LIST ARGN)
      godwit_compile_quickly(${from})
    endif()
  endif()
  target_precompile_headers(${target} REUSE_FROM ${from})
endfunction()
