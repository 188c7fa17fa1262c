#include "app/version.h"

#include <version_text.h>

namespace godwit::app {

std::string version() {
  return GODWIT_VERSION;
}

std::string version_line() {
  return "godwit " + version() + " (commit " GODWIT_COMMIT ", clang " + std::to_string(__clang_major__) +
         "." + std::to_string(__clang_minor__) + "." + std::to_string(__clang_patchlevel__) + ")";
}

}  // namespace godwit::app
