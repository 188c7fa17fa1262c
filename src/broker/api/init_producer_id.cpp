#include "broker/api/handlers.h"
#include "broker/broker.h"
#include "broker/producer_ids.h"

namespace godwit::broker::api {

Task<kafka::InitProducerIdResponse> handle(RequestContext& context, kafka::InitProducerIdRequest request) {
  kafka::InitProducerIdResponse response;
  response.producer_id = -1;
  response.producer_epoch = -1;
  if (request.transactional_id) {
    response.error_code = request.transactional_id->empty()
                              ? ErrorCode::invalid_request
                              : ErrorCode::transactional_id_authorization_failed;
    co_return response;
  }
  if ((request.producer_id == -1) != (request.producer_epoch == -1)) {
    response.error_code = ErrorCode::invalid_request;
    co_return response;
  }
  // An idempotent producer that comes back after an error with its old id simply gets a new one, at epoch 0.
  const auto id = co_await context.shard.broker().producer_ids().next();
  if (!id) {
    response.error_code = id.error().code;
    co_return response;
  }
  response.producer_id = *id;
  response.producer_epoch = 0;
  co_return response;
}

}  // namespace godwit::broker::api
