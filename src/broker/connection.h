// One client's connection: frames in, answers out, in the order in which the requests came.
//
// A request starts when the one before it has been answered or has said that only its answer waits (Produce, which
// waits for the disk): so several Produces share a sync, and nothing overtakes. What tells a client where to go (Metadata,
// FindCoordinator) is looked up when its turn to be answered has come; what stands behind it may start, and take effect,
// before. What was read and not answered is bounded by the shard's request memory and by a number; while either is used up,
// nothing more is read from the peer but the head of its next request. By that read a peer that goes away is noticed while its request waits: its long poll
// ends. A large body gets its memory a step at a time, as it comes (request_memory.h); one that was begun and does not come
// ends the connection (godwit_connections_closed_total, why="slow").
//
// It begins on the shard that accepted it, and its first Produce or Fetch may take it to another (home_shard.h), before anything of
// it is anywhere else.
#pragma once

#include <memory>

#include "broker/request.h"
#include "runtime/stream.h"

namespace godwit::broker {

// Serves the connection until it ends.
runtime::Task<void> serve_connection(BrokerShard& shard, std::unique_ptr<runtime::Stream> stream,
                                     std::string listener);

}  // namespace godwit::broker
