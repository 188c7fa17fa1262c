// A partition's leader epoch: raised by every change of leader, written into each batch (KIP-101).
#pragma once

#include "base/strong.h"

namespace godwit {

using LeaderEpoch = Strong<struct LeaderEpochTag, int32_t>;

// "no epoch" in the protocol: do not check, or not known.
constexpr LeaderEpoch kNoLeaderEpoch{-1};

}  // namespace godwit
