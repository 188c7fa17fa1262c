// Forward (godwit's own, key 30005): a request that only the controller serves, handed on by the broker that a client sent
// it to; so clients may ask any broker (as KIP-590 does with Envelope).
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct ForwardResponse;

struct ForwardRequest {
  static constexpr ApiKey kApi = ApiKey::forward;
  static constexpr codec::Format kFormat{.name = "ForwardRequest", .versions = {0, 0}, .flexible_since = 0};
  using Response = ForwardResponse;

  std::string cluster_id;
  int16_t api_key = -1;
  int16_t api_version = -1;
  std::optional<std::string> client_id;
  Bytes body;  // the request without its header

  static void fields(auto& f) {
    f("cluster_id", &ForwardRequest::cluster_id);
    f("api_key", &ForwardRequest::api_key);
    f("api_version", &ForwardRequest::api_version);
    f("client_id", &ForwardRequest::client_id, always().nullable_since(0));
    f("body", &ForwardRequest::body);
  }
  friend bool operator==(const ForwardRequest&, const ForwardRequest&) = default;
};

struct ForwardResponse {
  static constexpr ApiKey kApi = ApiKey::forward;
  static constexpr codec::Format kFormat{.name = "ForwardResponse", .versions = {0, 0}, .flexible_since = 0};

  ErrorCode error_code = ErrorCode::none;  // none, not_controller, inconsistent_cluster_id, invalid_request
  Bytes body;                              // the response without its header

  static void fields(auto& f) {
    f("error_code", &ForwardResponse::error_code);
    f("body", &ForwardResponse::body);
  }
  friend bool operator==(const ForwardResponse&, const ForwardResponse&) = default;
};

}  // namespace godwit::kafka
