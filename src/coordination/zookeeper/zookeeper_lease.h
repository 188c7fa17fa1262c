// A lease is a ZooKeeper session of its own; its keys are ephemeral nodes of that session.
//
// The C client would ping for as long as its thread lives. So it may speak only while the shard says so, every sixth of the
// timeout and for half of it: a holder that is not healthy, or whose shard hangs, lets the session lapse.
#pragma once

#include <memory>

#include "coordination/coordination.h"
#include "coordination/zookeeper/store.h"

namespace godwit::coordination::zookeeper {

// As Coordination::grant.
runtime::Task<Result<std::unique_ptr<Lease>>> grant(std::shared_ptr<Store> store, Duration timeout);

}  // namespace godwit::coordination::zookeeper
