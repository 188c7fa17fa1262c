// The etcd members that brokers run themselves (managed etcd), in `godwit cluster status`.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"
#include "kafka/messages/cluster_command.h"

namespace godwit::cli {

using EngineMembers = std::vector<kafka::ClusterCommandResponse::Member>;

// As the first of the brokers that live and run one tells it; none where no broker runs one, or none that does can be asked. A broker
// that hangs is passed over after two seconds.
runtime::Task<EngineMembers> ask_for_members(Session& session, const kafka::ClusterCommandResponse& status);

// The rest is pure. Of no members: empty, and well.
bool all_well(const EngineMembers& members);
std::string in_table(const EngineMembers& members);
std::string in_json(const EngineMembers& members);
// Those that are not well; empty where there are none.
std::string in_words_unwell(const EngineMembers& members);

}  // namespace godwit::cli
