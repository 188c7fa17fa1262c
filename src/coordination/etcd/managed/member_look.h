// How the members do, for people.
#pragma once

#include <vector>

#include "coordination/engine_member.h"
#include "coordination/etcd/managed/member_command.h"
#include "coordination/etcd/wire.h"

namespace godwit::coordination::etcd {

// What the members answered, in the order of `address`. `cluster`: etcd's id of the cluster that they form; 0: not known yet.
// `listed`: whom etcd has for members; empty: nobody said. Who was taken out of them by hand is left out. Pure.
std::vector<EngineMember> describe_members(const ManagedEtcdAddress& address, bool tls, uint64_t cluster,
                                           const std::vector<Reply<StatusReply>>& answers,
                                           const std::vector<MemberReply>& listed);

// Asks all at once; `wire` has their endpoints in the order of `address`. Takes as long as two attempts at most.
runtime::Task<std::vector<EngineMember>> look_at_members(Wire& wire, const ManagedEtcdAddress& address,
                                                         bool tls, uint64_t cluster);

}  // namespace godwit::coordination::etcd
