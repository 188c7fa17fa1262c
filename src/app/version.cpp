#include "app/version.h"

#include <version_text.h>

namespace godwit::app {

// GODWIT_NEXT makes the program that tests roll a cluster to, as if it were the next release: see CMakeLists.txt.
#ifdef GODWIT_NEXT

std::string version() {
  return GODWIT_NEXT;
}

cluster::FeatureRange features() {
  return {cluster::kFeatures.first, static_cast<int16_t>(cluster::kFeatures.last + 1)};
}

#else

std::string version() {
  return GODWIT_VERSION;
}

cluster::FeatureRange features() {
  return cluster::kFeatures;
}

#endif

std::string version_line() {
  return "godwit " + version() + " (commit " GODWIT_COMMIT ", clang " + std::to_string(__clang_major__) +
         "." + std::to_string(__clang_minor__) + "." + std::to_string(__clang_patchlevel__) + ")";
}

}  // namespace godwit::app
