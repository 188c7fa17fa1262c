#include "broker/api/handlers.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {

Task<kafka::LeaveGroupResponse> handle(RequestContext& context, kafka::LeaveGroupRequest request) {
  constexpr int16_t kManyMembersSince = 3;
  groups::LeaveRequest asked;
  asked.version = context.version();
  asked.group = std::move(request.group_id);
  if (context.version() < kManyMembersSince) {
    asked.members.push_back({std::move(request.member_id), std::nullopt});
  }
  for (auto& member : request.members) {
    asked.members.push_back({std::move(member.member_id), std::move(member.group_instance_id)});
  }
  groups::LeaveResponse answer = co_await ask_manager(context.shard, std::move(asked));
  kafka::LeaveGroupResponse response;
  response.error_code = answer.error;
  if (context.version() < kManyMembersSince) co_return response;
  for (auto& member : answer.members) {
    response.members.push_back({std::move(member.member), std::move(member.instance), member.error});
  }
  co_return response;
}

}  // namespace godwit::broker::api
