// Signals as something to wait for.
//
//   const int signal = co_await wait_for_signal({SIGTERM, SIGINT});   // begin an orderly stop
//   …a second one while stopping:  co_await wait_for_signal({SIGTERM, SIGINT})  and leave at once
#pragma once

#include <vector>

#include "runtime/task.h"

namespace godwit::runtime {

// Their numbers, for callers that have no business with signal.h.
constexpr int kSignalHangUp = 1;
constexpr int kSignalInterrupt = 2;
constexpr int kSignalTerminate = 15;

// Waits on this shard for one of `signals` and gives its number. From the first call on they no longer end the
// process, for its whole life: one that comes while nobody waits is kept for the next call (one of each kind).
// Waiters on several shards are each told; the first to look gets the signal.
Task<int> wait_for_signal(std::vector<int> signals);

}  // namespace godwit::runtime
