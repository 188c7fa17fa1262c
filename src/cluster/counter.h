// A number in the coordination store that only rises: incarnations, producer ids, the fence.
#pragma once

#include "cluster/stored_broker.h"
#include "coordination/coordination.h"

namespace godwit::cluster {

// Raises it by `count` and gives the first number of the stretch, which is at least `at_least` and was never given before.
// After an outcome that is unknown the next stretch is taken: numbers may be skipped. Errors: those of the store; corrupt;
// conflict (others change it all the time).
runtime::Task<Result<int64_t>> raise_counter(coordination::Coordination& store, std::string key,
                                             int64_t count, int64_t at_least);

}  // namespace godwit::cluster
