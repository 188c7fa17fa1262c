// Puts what a disk lost back from another replica (design-cluster, "a damaged range below the synced mark"): asks one that has it,
// and gives it to Log::repair, which checks it.
//
//   const auto repaired = co_await repair(log, {broker, address}, runtime, deadline);
//
// Only what is committed is asked for, as a consumer asks: an in-sync replica has it, whoever leads.
#pragma once

#include "replicator/replicator.h"

namespace godwit::replicator {

// All damaged ranges, each as far as that replica has it: how many there were, when none is left of them. Errors, of the last
// range that could not be put back: those of the connection; unavailable (that replica does not serve the range now); corrupt
// (what it sent does not fit). What was repaired besides stays so. The log must outlive the task.
runtime::Task<Result<size_t>> repair(storage::Log& log, Leader from, runtime::Runtime& runtime,
                                     Duration patience);

}  // namespace godwit::replicator
