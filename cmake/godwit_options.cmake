# Options that hold for every target: language, warnings, sanitizers.
set(CMAKE_CXX_STANDARD 23)  # CMake writes it as -std=c++2b for clang-16
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

set(GODWIT_SANITIZE "" CACHE STRING "sanitizers, as in -fsanitize=…: address,undefined or thread")
option(GODWIT_FUZZERS "build the libFuzzer targets" OFF)

find_package(Threads REQUIRED)

add_library(godwit_flags INTERFACE)
target_include_directories(godwit_flags INTERFACE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include")
target_compile_options(godwit_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wextra-semi -Wold-style-cast -fno-omit-frame-pointer)
target_link_options(godwit_flags INTERFACE -fuse-ld=lld-16)
target_link_libraries(godwit_flags INTERFACE Threads::Threads)
# Hardware CRC-32C is chosen at run time, so that one binary starts on every x86-64 and arm64 machine.
if(GODWIT_SANITIZE)
  target_compile_options(godwit_flags INTERFACE -fsanitize=${GODWIT_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(godwit_flags INTERFACE -fsanitize=${GODWIT_SANITIZE})
endif()
if(GODWIT_FUZZERS)
  # Every object is instrumented for coverage; only fuzz targets link the fuzzer's main.
  target_compile_options(godwit_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(godwit_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
