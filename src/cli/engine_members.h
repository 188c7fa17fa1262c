// The etcd members that brokers run themselves (managed etcd), in `godwit cluster status`.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"
#include "kafka/messages/cluster_command.h"

namespace godwit::cli {

using EngineMembers = std::vector<kafka::ClusterCommandResponse::Member>;

struct EngineMembersSeen {
  EngineMembers members;
  // Who lives and did not answer; told only where nobody told of members, for one of these might.
  std::vector<BrokerId> silent;

  bool known() const { return !members.empty() || silent.empty(); }
};

// As the first of the brokers that live and run one tells it. A broker that hangs is passed over after two seconds.
runtime::Task<EngineMembersSeen> ask_for_members(Session& session,
                                                 const kafka::ClusterCommandResponse& status);

// The rest is pure. What is not known is not well.
bool all_well(const EngineMembersSeen& seen);
std::string in_table(const EngineMembers& members);
std::string in_json(const EngineMembers& members);
// Those that are not well, or who might know more; empty where all are well.
std::string in_words_unwell(const EngineMembersSeen& seen);

}  // namespace godwit::cli
