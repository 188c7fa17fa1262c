// Which of the cluster's own formats and messages may be used (design-cluster rule 23, docs/decisions/0011). Pure.
//
// Every build works at the levels of its FeatureRange, and the cluster is at one of them, which stands in the store and only
// rises, by an operator's order, when all brokers take it. A new version of a value in the store or of a message between
// brokers says which level brings it, and is written from that level on:
//
//   struct StoredPartition {
//     static constexpr codec::Format kFormat{.name = "StoredPartition", .versions = {0, 1}, .flexible_since = 0};
//     static constexpr int16_t kSinceLevel[] = {2};   // of version 1; version 0 was always there
//
// To read, a build takes every version that it knows.
#pragma once

#include <cstdint>
#include <string_view>

namespace godwit::cluster {

// The levels at which a build can work, both included.
struct FeatureRange {
  int16_t first = 1;
  int16_t last = 1;
  constexpr bool contains(int16_t level) const { return first <= level && level <= last; }
  friend constexpr bool operator==(FeatureRange, FeatureRange) = default;
};

// Of this build.
constexpr FeatureRange kFeatures{1, 1};
// Of a cluster whose store says nothing of it, and of what is written before the cluster's level is known.
constexpr int16_t kFirstLevel = 1;
// What clients are told that the level is a level of.
constexpr std::string_view kFeatureName = "godwit.version";

}  // namespace godwit::cluster
