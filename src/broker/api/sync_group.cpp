#include "broker/api/handlers.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {

// Parked until the leader's assignment is committed.
Task<kafka::SyncGroupResponse> handle(RequestContext& context, kafka::SyncGroupRequest request) {
  constexpr int16_t kProtocolRequiredSince = 5;  // KIP-559
  kafka::SyncGroupResponse response;
  if (context.version() >= kProtocolRequiredSince && (!request.protocol_type || !request.protocol_name)) {
    response.error_code = ErrorCode::inconsistent_group_protocol;
    co_return response;
  }
  groups::SyncRequest asked;
  asked.group = std::move(request.group_id);
  asked.generation = request.generation_id;
  asked.member = std::move(request.member_id);
  asked.instance = std::move(request.group_instance_id);
  asked.protocol_type = std::move(request.protocol_type);
  asked.protocol = std::move(request.protocol_name);
  for (auto& one : request.assignments) {
    asked.assignments.push_back({std::move(one.member_id), SharedBytes::own(std::move(one.assignment))});
  }
  groups::SyncResponse answer = co_await ask_manager(context.shard, std::move(asked), &context.client.gone);
  response.error_code = answer.error;
  response.protocol_type = std::move(answer.protocol_type);
  response.protocol_name = std::move(answer.protocol);
  response.assignment = to_bytes(answer.assignment.view());
  co_return response;
}

}  // namespace godwit::broker::api
