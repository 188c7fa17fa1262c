// SaslAuthenticate (key 36): one token of a SASL exchange. v1 tells how long the session lives (KIP-368).
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct SaslAuthenticateResponse;

struct SaslAuthenticateRequest {
  static constexpr ApiKey kApi = ApiKey::sasl_authenticate;
  static constexpr codec::Format kFormat{
      .name = "SaslAuthenticateRequest", .versions = {0, 2}, .flexible_since = 2};
  using Response = SaslAuthenticateResponse;

  Bytes auth_bytes;

  static void fields(auto& f) { f("auth_bytes", &SaslAuthenticateRequest::auth_bytes); }
  friend bool operator==(const SaslAuthenticateRequest&, const SaslAuthenticateRequest&) = default;
};

struct SaslAuthenticateResponse {
  static constexpr ApiKey kApi = ApiKey::sasl_authenticate;
  static constexpr codec::Format kFormat{
      .name = "SaslAuthenticateResponse", .versions = {0, 2}, .flexible_since = 2};

  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message = "";
  Bytes auth_bytes;
  // 0: no need to authenticate again.
  int64_t session_lifetime_ms = 0;

  static void fields(auto& f) {
    f("error_code", &SaslAuthenticateResponse::error_code);
    f("error_message", &SaslAuthenticateResponse::error_message);
    f("auth_bytes", &SaslAuthenticateResponse::auth_bytes);
    f("session_lifetime_ms", &SaslAuthenticateResponse::session_lifetime_ms, since(1).ignorable());
  }
  friend bool operator==(const SaslAuthenticateResponse&, const SaslAuthenticateResponse&) = default;
};

}  // namespace godwit::kafka
