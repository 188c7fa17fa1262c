#include <set>

#include "broker/api/handlers.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {

// Parked until the group's next generation is committed; the connection's later requests wait meanwhile, as in Kafka.
Task<kafka::JoinGroupResponse> handle(RequestContext& context, kafka::JoinGroupRequest request) {
  groups::JoinRequest asked;
  asked.version = context.version();
  asked.group = std::move(request.group_id);
  asked.member = std::move(request.member_id);
  asked.instance = std::move(request.group_instance_id);
  asked.client_id = context.client_id();
  asked.client_host = "/" + context.client.peer.host;  // as Java prints an address
  asked.session_timeout_ms = request.session_timeout_ms;
  asked.rebalance_timeout_ms = request.rebalance_timeout_ms;
  asked.protocol_type = std::move(request.protocol_type);
  asked.random = context.shard.shard().random().bytes16();
  std::set<std::string> names;
  for (auto& protocol : request.protocols) {
    // A name that comes twice: the first counts.
    if (!names.insert(protocol.name).second) continue;
    asked.protocols.push_back({std::move(protocol.name), SharedBytes::own(std::move(protocol.metadata))});
  }
  groups::JoinResponse answer = co_await ask_manager(context.shard, std::move(asked), &context.client.gone);

  constexpr int16_t kProtocolNullableSince = 7;
  kafka::JoinGroupResponse response;
  response.error_code = answer.error;
  response.generation_id = answer.generation;
  response.protocol_type = std::move(answer.protocol_type);
  response.protocol_name = std::move(answer.protocol);
  if (!response.protocol_name && context.version() < kProtocolNullableSince) response.protocol_name = "";
  response.leader = std::move(answer.leader);
  response.skip_assignment = answer.skip_assignment;
  response.member_id = std::move(answer.member);
  for (auto& member : answer.members) {
    response.members.push_back(
        {std::move(member.member), std::move(member.instance), to_bytes(member.metadata.view())});
  }
  co_return response;
}

}  // namespace godwit::broker::api
