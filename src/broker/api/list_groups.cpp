#include "broker/api/handlers.h"
#include "broker/broker.h"
#include "broker/group_drivers.h"

namespace godwit::broker::api {
namespace {

// The groups of all partitions of one shard, there. An error where one of them cannot answer.
Task<groups::ListGroupsResponse> list_here(BrokerShard& shard, groups::ListGroupsRequest request) {
  groups::ListGroupsResponse all;
  for (const auto& driver : shard.groups().all()) {
    auto answer = std::get<groups::ListGroupsResponse>(co_await driver->ask(request));
    // A partition that is just going elsewhere is listed there.
    if (answer.error == ErrorCode::not_coordinator) continue;
    if (answer.error != ErrorCode::none) all.error = answer.error;
    std::move(answer.groups.begin(), answer.groups.end(), std::back_inserter(all.groups));
  }
  co_return all;
}

}  // namespace

Task<kafka::ListGroupsResponse> handle(RequestContext& context, kafka::ListGroupsRequest request) {
  Broker& broker = context.shard.broker();
  const groups::ListGroupsRequest asked{std::move(request.states_filter), std::move(request.types_filter)};
  kafka::ListGroupsResponse response;
  for (size_t i = 0; i < broker.shard_count(); ++i) {
    BrokerShard& shard = broker.shard(i);
    auto answer = co_await shard.shard().call([&shard, asked] { return list_here(shard, asked); });
    if (answer.error != ErrorCode::none) response.error_code = answer.error;
    for (auto& group : answer.groups) {
      response.groups.push_back({std::move(group.group), std::move(group.protocol_type),
                                 std::move(group.state), std::move(group.type)});
    }
  }
  // Half a list looks like groups that are gone: the tool asks again.
  if (response.error_code != ErrorCode::none) response.groups.clear();
  co_return response;
}

}  // namespace godwit::broker::api
