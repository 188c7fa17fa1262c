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

# CMake includes the header by its absolute path besides the .pch that holds it: that is needless, and ccache would not find
# in one checkout what it compiled for another.
set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -Xclang -include-pch -Xclang <PCH_FILE>)

# godwit_sum_pch(TARGET HEADER…): ccache takes the sum of the .pch from the file beside it (CCACHE_PCH_EXTSUM). A .pch names
# its folder, so its own bytes differ from one checkout to the next; the sum is that of the headers in it.
function(godwit_sum_pch target)
  list(TRANSFORM ARGN REPLACE "(.+)" "#include \\1\n" OUTPUT_VARIABLE lines)
  string(CONCAT lines ${lines})
  set(source "${CMAKE_BINARY_DIR}/${target}_headers.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "${lines}")
  execute_process(COMMAND "${CMAKE_CXX_COMPILER}" -std=c++2b -M "${source}" OUTPUT_VARIABLE depends COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "/[^ \\\n]+" headers "${depends}")
  list(REMOVE_ITEM headers "${source}")
  set(sums "${lines}")
  foreach(header IN LISTS headers)
    file(MD5 "${header}" sum)
    string(APPEND sums "${header} ${sum}\n")
  endforeach()
  file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.pch.sum" "${sums}")
  # An upgrade of a header makes the sum anew.
  set_property(DIRECTORY "${CMAKE_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${headers})
endfunction()

# godwit_use_pch(TARGET): shares the precompiled standard headers.
# godwit_use_pch(TARGET TEST): gtest besides.
# godwit_use_pch(TARGET TEST OF broker HEADERS "broker/broker.h" …): our own besides, for the tests of one module. Each of them
# is compiled anew when one of these headers, or what they include, changes.
# Nothing is linked: only the flags and the .pch are shared.
function(godwit_use_pch target)
  cmake_parse_arguments(ARG "TEST" "OF" "HEADERS" ${ARGN})
  if(NOT GODWIT_PCH)
    return()
  endif()
  set(from godwit_pch)
  set(headers ${godwit_pch_headers})
  if(ARG_TEST)
    set(from godwit_pch_test)
    list(APPEND headers <gtest/gtest.h>)
  endif()
  if(ARG_HEADERS)
    set(from godwit_pch_${ARG_OF}_test)
    list(TRANSFORM ARG_HEADERS REPLACE "(.+)" "\"\\1\"")
    list(APPEND headers ${ARG_HEADERS})
  endif()
  if(NOT TARGET ${from})
    set(source "${CMAKE_BINARY_DIR}/${from}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "// Holds the precompiled header.\n")
    add_library(${from} STATIC "${source}")
    target_link_libraries(${from} PRIVATE godwit_flags)
    target_precompile_headers(${from} PRIVATE ${headers})
    # Otherwise the .pch is another file after each checkout, and ccache never hits.
    target_compile_options(${from} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    if(ARG_TEST)
      godwit_compile_quickly(${from})
    endif()
    if(ARG_HEADERS)
      # Ours change between builds, and during one: the sum is made when the .pch is.
      set_target_properties(${from} PROPERTIES CXX_COMPILER_LAUNCHER "${CMAKE_SOURCE_DIR}/cmake/precompile.sh")
    else()
      godwit_sum_pch(${from} ${headers})
    endif()
  endif()
  target_precompile_headers(${target} REUSE_FROM ${from})
endfunction()
