// What stands in the store of a move that the controller began by itself (a drain, a rebalance): so that the next controller knows it
// for one, and takes it back with the order for which it was begun.
//
//   /moves/<topic id>/<index>   while the partition moves
//
// It goes beside the partition's state, not in one transaction with it, so either may be there alone: a key whose partition does
// not move, or moves elsewhere by an order since, says nothing, and is removed by the next controller that finds any moves; a move without its key counts as ordered for the
// partition. Builds that do not know these keys leave them alone. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/draft.h"

namespace godwit::cluster {

struct StoredMove {
  static constexpr codec::Format kFormat{.name = "StoredMove", .versions = {0, 0}, .flexible_since = 0};
  std::vector<BrokerId> before;  // the replicas before it, in their order
  std::vector<BrokerId> after;   // the replicas when it is done, in their order
  static void fields(auto& f) {
    f("before", &StoredMove::before);
    f("after", &StoredMove::after);
  }
  friend bool operator==(const StoredMove&, const StoredMove&) = default;
};

// Whether the partition still makes that move.
bool is_under_way(const StoredMove& move, const PartitionState& state);

// Writes of one pass, in transactions that the store takes.
void write_moves(Draft& draft, std::vector<Draft::Write> writes);

namespace keys {

constexpr std::string_view kMoves = "/moves/";

std::string move(const TopicPartition& id);
// Empty where it is no such key.
std::optional<TopicPartition> moved_by(std::string_view key);

}  // namespace keys

}  // namespace godwit::cluster
