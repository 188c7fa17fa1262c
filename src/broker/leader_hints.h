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

// What hints of one answer are taken from: the newest image that this broker has. The one that the request's shard serves
// from may be a moment older than what the partition's shard knows, and would name the leader that has just resigned.
cluster::ImagePtr image_for_hints(const RequestContext& context);

// Who leads the partition. Nobody where nobody is known to, or where that is a suspect (design-cluster rule 16).
kafka::CurrentLeader current_leader(const RequestContext& context, const cluster::Image& image,
                                    const TopicPartition& id);

// How the client reaches those brokers, by the listener that it came by.
std::vector<kafka::NodeEndpoint> hinted_endpoints(const RequestContext& context, const cluster::Image& image,
                                                  const std::set<BrokerId>& leaders);

}  // namespace godwit::broker
