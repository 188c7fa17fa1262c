// Forward: what another broker's client asked of the controller, served here as if the client had asked this broker.
#include "broker/api/handlers.h"
#include "broker/api/table.h"
#include "broker/broker.h"

namespace godwit::broker::api {

Task<kafka::ForwardResponse> handle(RequestContext& context, kafka::ForwardRequest request) {
  kafka::ForwardResponse response;
  const kafka::ApiInfo* const api = kafka::find_api(request.api_key);
  constexpr Duration kPatience = std::chrono::seconds(5);
  if (!co_await context.shard.opened(context.arrived + kPatience) ||
      !context.shard.broker().knows_cluster()) {
    response.error_code = ErrorCode::not_controller;
    co_return response;
  }
  if (request.cluster_id != context.shard.image()->cluster_id) {
    response.error_code = ErrorCode::inconsistent_cluster_id;
  } else if (api == nullptr || !is_the_controllers(api->key) ||
             !api->accepted.contains(request.api_version)) {
    response.error_code = ErrorCode::invalid_request;
  } else if (!context.shard.broker().metadata().controls()) {
    response.error_code = ErrorCode::not_controller;
  }
  if (response.error_code != ErrorCode::none) co_return response;
  constexpr int32_t kAnyCorrelation = 0;
  kafka::RequestFrame inner{api, request.api_version, kAnyCorrelation, std::move(request.client_id),
                            codec::Input(SharedBytes::own(std::move(request.body)))};
  // None of these requests is written into.
  RequestContext asked(context.shard, context.client, std::move(inner), nullptr, context.arrived, nullptr);
  auto answer = co_await serve_here(asked);
  if (!answer) {
    response.error_code = ErrorCode::invalid_request;
    co_return response;
  }
  const size_t header =
      kafka::kFrameLengthSize + kafka::response_header(api->key, request.api_version, kAnyCorrelation).size();
  Bytes whole = answer->flatten();
  response.body = Bytes(whole.begin() + static_cast<std::ptrdiff_t>(header), whole.end());
  co_return response;
}

}  // namespace godwit::broker::api
