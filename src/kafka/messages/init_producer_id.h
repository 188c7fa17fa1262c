// InitProducerId (key 22): gives a producer its id and epoch. v3 passes the old ones, to go on after an
// error.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct InitProducerIdResponse;

struct InitProducerIdRequest {
  static constexpr ApiKey kApi = ApiKey::init_producer_id;
  static constexpr codec::Format kFormat{
      .name = "InitProducerIdRequest", .versions = {0, 5}, .flexible_since = 2};
  using Response = InitProducerIdResponse;

  std::optional<std::string> transactional_id = "";
  int32_t transaction_timeout_ms = 0;
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;

  static void fields(auto& f) {
    f("transactional_id", &InitProducerIdRequest::transactional_id);
    f("transaction_timeout_ms", &InitProducerIdRequest::transaction_timeout_ms);
    f("producer_id", &InitProducerIdRequest::producer_id, since(3));
    f("producer_epoch", &InitProducerIdRequest::producer_epoch, since(3));
  }
  friend bool operator==(const InitProducerIdRequest&, const InitProducerIdRequest&) = default;
};

struct InitProducerIdResponse {
  static constexpr ApiKey kApi = ApiKey::init_producer_id;
  static constexpr codec::Format kFormat{
      .name = "InitProducerIdResponse", .versions = {0, 5}, .flexible_since = 2};

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  int64_t producer_id = -1;
  int16_t producer_epoch = 0;

  static void fields(auto& f) {
    f("throttle_time_ms", &InitProducerIdResponse::throttle_time_ms);
    f("error_code", &InitProducerIdResponse::error_code);
    f("producer_id", &InitProducerIdResponse::producer_id);
    f("producer_epoch", &InitProducerIdResponse::producer_epoch);
  }
  friend bool operator==(const InitProducerIdResponse&, const InitProducerIdResponse&) = default;
};

}  // namespace godwit::kafka
