// Which of the rounds that a scan found are the journal: the pure half of recovery (rule 8).
//
// Rounds form a chain: within a process's life they are consecutive, and the first one of a process names the
// round that it follows. The chain is walked down from the newest header; what is not on it is void (it was
// cut off by an earlier start) and what is missing on it is damage at or below the synced mark, and above it
// the torn tail, behind which nothing counts.
#pragma once

#include <cstddef>
#include <vector>

#include "storage/journal/round.h"

namespace godwit::storage::journal {

struct SeenRound {
  Sequence sequence;
  Sequence synced;
  Sequence start;
  Sequence follows;
  bool intact = false;  // all checksums hold
};

struct Hole {
  Sequence first;  // rounds first … last are missing
  Sequence last;
  Sequence before;  // the oldest known round behind them; zero when there is none
};

struct Resolution {
  std::vector<size_t> deliver;  // indexes of rounds, in order
  std::vector<Hole> damage;     // in order
  Sequence last;                // the newest one delivered; `released` when there is none
  Sequence synced;              // the highest mark
  Sequence next;                // the next round's sequence: above everything seen
};

// `unreadable_blocks`: each may hide a round, whose sequence must not be given again.
Resolution resolve(const std::vector<SeenRound>& rounds, Sequence released, uint64_t unreadable_blocks);

}  // namespace godwit::storage::journal
