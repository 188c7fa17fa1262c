#include "broker/api/handlers.h"
#include "broker/broker.h"

namespace godwit::broker::api {

Task<kafka::BrokerReportResponse> handle(RequestContext& context, kafka::BrokerReportRequest request) {
  Broker& broker = context.shard.broker();
  co_return co_await broker.on_first(
      [&broker, request = std::move(request)]() mutable -> Task<kafka::BrokerReportResponse> {
        if (!broker.knows_cluster()) {
          kafka::BrokerReportResponse refused;
          refused.error_code = ErrorCode::not_controller;
          co_return refused;
        }
        co_return co_await broker.metadata().serve_report(std::move(request));
      });
}

}  // namespace godwit::broker::api
