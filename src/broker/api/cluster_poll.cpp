#include "broker/api/handlers.h"
#include "broker/broker.h"

namespace godwit::broker::api {

Task<kafka::ClusterPollResponse> handle(RequestContext& context, kafka::ClusterPollRequest request) {
  Broker& broker = context.shard.broker();
  co_return co_await broker.on_first(
      [&broker, request = std::move(request)]() mutable -> Task<kafka::ClusterPollResponse> {
        if (!broker.knows_cluster()) {
          kafka::ClusterPollResponse refused;
          refused.error_code = ErrorCode::not_controller;
          co_return refused;
        }
        co_return co_await broker.metadata().serve_poll(std::move(request));
      });
}

}  // namespace godwit::broker::api
