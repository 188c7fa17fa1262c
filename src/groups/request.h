// All that a group manager can be asked, and its answers. A request and its answer have the same index in
// their variants.
#pragma once

#include <string>
#include <variant>

#include "base/strong.h"
#include "groups/api/delete_group.h"
#include "groups/api/describe_group.h"
#include "groups/api/heartbeat.h"
#include "groups/api/join.h"
#include "groups/api/leave.h"
#include "groups/api/list_groups.h"
#include "groups/api/offset_commit.h"
#include "groups/api/offset_delete.h"
#include "groups/api/offset_fetch.h"
#include "groups/api/sync.h"

namespace godwit::groups {

// Names a request until it is answered; chosen by the caller, unique among those under way. 0 is nobody's.
using RequestToken = Strong<struct RequestTokenTag, uint64_t>;
constexpr RequestToken kNobody{0};

using Request = std::variant<JoinRequest, SyncRequest, HeartbeatRequest, LeaveRequest, OffsetCommitRequest,
                             OffsetFetchRequest, OffsetDeleteRequest, DeleteGroupRequest,
                             DescribeGroupRequest, ListGroupsRequest>;
using Response = std::variant<JoinResponse, SyncResponse, HeartbeatResponse, LeaveResponse,
                              OffsetCommitResponse, OffsetFetchResponse, OffsetDeleteResponse,
                              DeleteGroupResponse, DescribeGroupResponse, ListGroupsResponse>;

struct Reply {
  RequestToken token;
  Response response;
};

// The answer that says `error` to `request`, wherever that API carries errors: for the whole, for each
// partition, for each member.
Response error_response(const Request& request, ErrorCode error);

// Makes of an answer that says success one that says `error`, in the same places.
void set_error(Response& response, ErrorCode error);

}  // namespace godwit::groups
