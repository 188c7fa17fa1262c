// What an operator wants of the cluster. Answers for the controller; where none is to be had, says so. Of the etcd members that
// brokers run ("members") each broker tells what it sees.
#include "broker/api/handlers.h"
#include "broker/broker.h"

namespace godwit::broker::api {

namespace {

Task<kafka::ClusterCommandResponse> tell_members(Broker& broker) {
  kafka::ClusterCommandResponse response;
  if (!broker.options().engine_members) co_return response;
  for (auto& member : co_await broker.options().engine_members()) {
    response.members.push_back({member.broker, std::move(member.name), std::move(member.peer),
                                std::string(to_string(member.state)), std::move(member.fault), member.lag,
                                member.database_bytes});
  }
  co_return response;
}

}  // namespace

Task<kafka::ClusterCommandResponse> handle(RequestContext& context, kafka::ClusterCommandRequest request) {
  Broker& broker = context.shard.broker();
  if (request.verb == kafka::ClusterCommandRequest::kMembers)
    co_return co_await broker.on_first([&broker] { return tell_members(broker); });
  co_return co_await broker.on_first(
      [&broker, request = std::move(request)]() mutable -> Task<kafka::ClusterCommandResponse> {
        auto response = co_await broker.metadata().serve_command(std::move(request));
        if (response.error_code == ErrorCode::not_controller && response.message.empty())
          response.message = "no broker holds the controller's office at this moment; try again";
        co_return response;
      });
}

}  // namespace godwit::broker::api
