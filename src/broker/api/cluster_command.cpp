// What an operator wants of the cluster. Answers for the controller; where none is to be had, says so.
#include "broker/api/handlers.h"
#include "broker/broker.h"

namespace godwit::broker::api {

Task<kafka::ClusterCommandResponse> handle(RequestContext& context, kafka::ClusterCommandRequest request) {
  Broker& broker = context.shard.broker();
  co_return co_await broker.on_first(
      [&broker, request = std::move(request)]() mutable -> Task<kafka::ClusterCommandResponse> {
        auto response = co_await broker.metadata().serve_command(std::move(request));
        if (response.error_code == ErrorCode::not_controller && response.message.empty())
          response.message = "no broker holds the controller's office at this moment; try again";
        co_return response;
      });
}

}  // namespace godwit::broker::api
