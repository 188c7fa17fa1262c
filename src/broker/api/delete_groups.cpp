#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {
namespace {

using Deleted = kafka::DeleteGroupsResponse::Group;

Task<Deleted> delete_one(RequestContext& context, std::string group) {
  const groups::DeleteGroupResponse answer =
      co_await ask_manager(context.shard, groups::DeleteGroupRequest{group});
  co_return Deleted{std::move(group), answer.error};
}

}  // namespace

Task<kafka::DeleteGroupsResponse> handle(RequestContext& context, kafka::DeleteGroupsRequest request) {
  // One after the other: what a request can set going at once stays bounded.
  kafka::DeleteGroupsResponse response;
  Turns turns;
  for (std::string& group : request.groups_names) {
    if (turns.due()) co_await runtime::yield();
    response.results.push_back(co_await delete_one(context, std::move(group)));
  }
  co_return response;
}

}  // namespace godwit::broker::api
