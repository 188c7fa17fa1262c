#include "replication/divergence.h"

namespace godwit::replication {

std::optional<EpochEnd> find_divergence(Offset offset, LeaderEpoch last_fetched,
                                        std::optional<EpochEnd> ended, Offset leader_start) {
  if (last_fetched == kNoLeaderEpoch) return std::nullopt;
  if (!ended) return EpochEnd{kNoLeaderEpoch, leader_start};
  if (ended->epoch != last_fetched || ended->end < offset) return ended;
  return std::nullopt;
}

}  // namespace godwit::replication
