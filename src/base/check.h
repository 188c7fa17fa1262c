// Assertions that hold in release builds too: what cannot happen stops the process at once, before a wrong
// byte is acknowledged or served.
//
//   GW_CHECK(next_offset >= log_start, "a log never starts behind its end");
#pragma once

#include <string_view>

namespace godwit {

// Prints the failed condition to standard error and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view why);

}  // namespace godwit

// `why` says in words which invariant is broken; it is evaluated only on failure.
#define GW_CHECK(condition, why)                                     \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::godwit::check_failed(__FILE__, __LINE__, #condition, (why)); \
  } while (false)
