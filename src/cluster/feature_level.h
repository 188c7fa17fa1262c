// The level at which a cluster works, as it stands in the coordination store.
#pragma once

#include <optional>
#include <string>

#include "cluster/stored.h"
#include "coordination/coordination.h"

namespace godwit::cluster {

// /features
struct StoredFeatures {
  static constexpr codec::Format kFormat{.name = "StoredFeatures", .versions = {0, 0}, .flexible_since = 0};
  int16_t level = kFirstLevel;
  static void fields(auto& f) { f("level", &StoredFeatures::level); }
  friend bool operator==(const StoredFeatures&, const StoredFeatures&) = default;
};

namespace keys {
constexpr std::string_view kFeatures = "/features";
}  // namespace keys

struct FeatureLevel {
  int16_t level = kFirstLevel;
  // Of the key: the condition of what must not be written at another level.
  coordination::Version version = coordination::kAbsent;
};

// Errors: those of the store; corrupt (the key is named).
runtime::Task<Result<FeatureLevel>> read_feature_level(coordination::Coordination& store);

// Why a build does not work at that level, and what to do; empty where it does.
std::string level_fault(FeatureRange build, int16_t level);

}  // namespace godwit::cluster
