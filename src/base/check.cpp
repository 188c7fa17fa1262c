#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace godwit {

void check_failed(const char* file, int line, const char* condition, std::string_view why) {
  std::fprintf(stderr, "godwit: broken invariant at %s:%d: %s (%.*s)\n", file, line, condition,
               static_cast<int>(why.size()), why.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace godwit
