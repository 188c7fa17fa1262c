// Which godwit this is.
#pragma once

#include <string>

#include "cluster/features.h"

namespace godwit::app {

// "0.1.0"
std::string version();

// The levels of the cluster's own formats and messages at which this build works (docs/decisions/0011).
cluster::FeatureRange features();

// "godwit 0.1.0 (commit 8db998059a4e, clang 16.0.6)"; a commit that ends in -dirty was built with changes, and a build
// outside of a git repository has "unknown".
std::string version_line();

}  // namespace godwit::app
