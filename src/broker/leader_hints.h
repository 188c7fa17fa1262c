// Where a partition's leader is now, told beside "not here" (KIP-951), so that the client need not ask Metadata.
#pragma once

#include <set>
#include <vector>

#include "broker/request.h"
#include "kafka/messages/current_leader.h"

namespace godwit::broker {

// Whether an error says that somebody else leads.
constexpr bool leads_elsewhere(ErrorCode code) {
  return code == ErrorCode::not_leader_or_follower || code == ErrorCode::fenced_leader_epoch;
}

// Nobody where this image knows no other leader than the one that was asked.
kafka::CurrentLeader current_leader(const cluster::Image& image, const TopicPartition& id);

// How the client reaches those brokers, by the listener that it came by.
std::vector<kafka::NodeEndpoint> hinted_endpoints(const RequestContext& context,
                                                  const std::set<BrokerId>& leaders);

}  // namespace godwit::broker
