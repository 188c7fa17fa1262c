// Where a connection is served best: on the shard of the partitions that it is for. Else each of its requests wakes that shard
// and is woken by it in turn, several times, which costs more than the requests themselves where they are small.
#pragma once

#include <optional>

#include "broker/broker_shard.h"
#include "kafka/frame.h"

namespace godwit::broker {

// The shard of all partitions that a Produce or Fetch names; `here`'s own where they live on several, and for a Fetch that goes on
// with a session. Empty for other requests, and where none of what it names is known.
std::optional<size_t> home_shard(BrokerShard& here, const kafka::RequestFrame& frame);

}  // namespace godwit::broker
