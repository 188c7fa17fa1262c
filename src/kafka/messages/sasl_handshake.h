// SaslHandshake (key 17): chooses a SASL mechanism. After v0 the tokens come as bare frames, after v1 inside
// SaslAuthenticate.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct SaslHandshakeResponse;

struct SaslHandshakeRequest {
  static constexpr ApiKey kApi = ApiKey::sasl_handshake;
  static constexpr codec::Format kFormat{.name = "SaslHandshakeRequest", .versions = {0, 1}};
  using Response = SaslHandshakeResponse;

  std::string mechanism;

  static void fields(auto& f) { f("mechanism", &SaslHandshakeRequest::mechanism); }
  friend bool operator==(const SaslHandshakeRequest&, const SaslHandshakeRequest&) = default;
};

struct SaslHandshakeResponse {
  static constexpr ApiKey kApi = ApiKey::sasl_handshake;
  static constexpr codec::Format kFormat{.name = "SaslHandshakeResponse", .versions = {0, 1}};

  ErrorCode error_code = ErrorCode::none;
  std::vector<std::string> mechanisms;

  static void fields(auto& f) {
    f("error_code", &SaslHandshakeResponse::error_code);
    f("mechanisms", &SaslHandshakeResponse::mechanisms);
  }
  friend bool operator==(const SaslHandshakeResponse&, const SaslHandshakeResponse&) = default;
};

}  // namespace godwit::kafka
