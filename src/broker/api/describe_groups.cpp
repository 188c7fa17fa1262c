#include <set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {
namespace {

using Described = kafka::DescribeGroupsResponse::Group;

// A bit for each of READ (3), DELETE (6), DESCRIBE (8), DESCRIBE_CONFIGS (10), ALTER_CONFIGS (11): without authorization
// everybody may do all that there is for groups.
constexpr int32_t kOperationsOfGroups = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

Task<Described> describe(RequestContext& context, std::string group, bool with_operations) {
  groups::DescribeGroupResponse answer =
      co_await ask_manager(context.shard, groups::DescribeGroupRequest{context.version(), group});
  Described described;
  described.group_id = std::move(group);
  described.error_code = answer.error;
  if (!answer.error_message.empty()) described.error_message = std::move(answer.error_message);
  described.group_state = std::move(answer.state);
  described.protocol_type = std::move(answer.protocol_type);
  described.protocol_data = std::move(answer.protocol);
  for (auto& member : answer.members) {
    auto& out = described.members.emplace_back();
    out.member_id = std::move(member.member);
    out.group_instance_id = std::move(member.instance);
    out.client_id = std::move(member.client_id);
    out.client_host = std::move(member.client_host);
    out.member_metadata = to_bytes(member.metadata.view());
    out.member_assignment = to_bytes(member.assignment.view());
  }
  if (with_operations && answer.error == ErrorCode::none) {
    described.authorized_operations = kOperationsOfGroups;
  }
  co_return described;
}

}  // namespace

Task<kafka::DescribeGroupsResponse> handle(RequestContext& context, kafka::DescribeGroupsRequest request) {
  kafka::DescribeGroupsResponse response;
  // A few bytes that name a group are answered with all that its members said of themselves: once.
  std::set<std::string> seen;
  Turns turns;
  for (std::string& group : request.groups) {
    if (turns.due()) co_await runtime::yield();
    if (!seen.insert(group).second) continue;
    response.groups.push_back(
        co_await describe(context, std::move(group), request.include_authorized_operations));
  }
  co_return response;
}

}  // namespace godwit::broker::api
