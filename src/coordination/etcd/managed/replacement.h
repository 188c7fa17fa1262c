// Brings a member whose disk was lost back into the cluster that the others run: out under its old id, in under a new one.
#pragma once

#include "coordination/etcd/managed/member_command.h"
#include "coordination/etcd/wire.h"

namespace godwit::coordination::etcd {

// What to start the member with.
struct Entry {
  uint64_t member = 0;
  std::string initial_cluster;
};

// Asks the others (`wire` has their endpoints) to remove whatever member stands at `own`'s address or has its name, and to add a
// new one there. The caller has made sure that no etcd runs at that address and that the disk holds nothing. Errors: unavailable
// (no other has a leader, or the cluster is not well enough: etcd allows no change within 5 s of a member's return; try
// again), conflict (the etcd at these addresses is not the one of this list: nothing was changed).
runtime::Task<Result<Entry>> replace_member(Wire& wire, const ManagedEtcdAddress& address, const Member& own,
                                            bool tls);

}  // namespace godwit::coordination::etcd
