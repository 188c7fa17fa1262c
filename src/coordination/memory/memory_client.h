// A node's way to a MemoryServer.
//
//   auto store = connect(server, runtime, {.node = "broker-1"});
//
// Every call takes the link's delay each way and ends within 500 ms. When the server cannot be reached it is told
// unavailable (not applied), or timed_out, at once or at the deadline: it may have been applied, or be applied later.
// Calls of one client that are under way together arrive in any order.
#pragma once

#include <memory>

#include "coordination/memory/memory_server.h"

namespace godwit::coordination {

constexpr Duration kMemoryCallDeadline = std::chrono::milliseconds(500);

// Belongs to the shard on which it is called, to shard 0 when that is none. The client, its leases and its watches are
// objects of the node's process: in its frames, or kept by the node, so that a crash takes them along. A lease or a watch
// may outlive the client. The server must outlive every run of the world in which they live.
std::unique_ptr<Coordination> connect(MemoryServer& server, runtime::Runtime& runtime, Link link);

}  // namespace godwit::coordination
