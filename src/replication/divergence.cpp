#include "replication/divergence.h"

namespace godwit::replication {

std::optional<EpochEnd> find_divergence(Offset offset, LeaderEpoch last_fetched,
                                        std::optional<EpochEnd> ended, Offset leader_start) {
  if (last_fetched == kNoLeaderEpoch) return std::nullopt;
  if (!ended) {
    // Everything here is newer. Up to this log's start that contradicts nothing: the records before it were deleted
    // here, with the history of their epochs.
    if (offset <= leader_start) return std::nullopt;
    return EpochEnd{kNoLeaderEpoch, leader_start};
  }
  if (ended->epoch != last_fetched || ended->end < offset) return ended;
  return std::nullopt;
}

}  // namespace godwit::replication
