// Where two logs part, by the epochs of their records (KIP-101, KIP-279; found within Fetch as in KIP-595).
//
// A follower fetches at its end and names the epoch of its last record. The leader looks up where that epoch ended in
// its own log. Example: the leader has epochs 1 up to 10 and 3 up to 20; a follower ended at 15 in epoch 2. Largest
// epoch <= 2 of the leader: 1, ended at 10, so the answer is {1, 10}: what the follower has behind 10 is not the
// leader's.
#pragma once

#include <optional>

#include "model/epoch.h"
#include "model/offset.h"

namespace godwit::replication {

// An epoch, and behind its last record.
struct EpochEnd {
  LeaderEpoch epoch = kNoLeaderEpoch;
  Offset end;
  friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
};

// The leader's answer to a fetch at `offset` whose last record is of `last_fetched`; empty: the logs agree up to
// `offset`, serve it. `ended`: the largest epoch <= last_fetched of the leader's log and its end (the log's end for
// its latest); empty when the leader has none so old. Then the answer is {kNoLeaderEpoch, leader_start}, its log's
// start: all that it still has is newer, and what the follower has before that start cannot be compared any more, for
// the epochs of what was deleted are forgotten. With last_fetched = kNoLeaderEpoch (an empty log) nothing can disagree.
// The caller checks before that `offset` is not below the leader's start, and, for an empty log, not behind its end
// (OFFSET_OUT_OF_RANGE).
std::optional<EpochEnd> find_divergence(Offset offset, LeaderEpoch last_fetched,
                                        std::optional<EpochEnd> ended, Offset leader_start);

}  // namespace godwit::replication
