// The headers of requests and responses, behind the functions of kafka/frame.h.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct RequestHeader {
  static constexpr codec::Format kFormat{.name = "RequestHeader", .versions = {1, 2}, .flexible_since = 2};

  int16_t request_api_key = 0;
  int16_t request_api_version = 0;
  int32_t correlation_id = 0;
  std::optional<std::string> client_id;

  static void fields(auto& f) {
    f("request_api_key", &RequestHeader::request_api_key);
    f("request_api_version", &RequestHeader::request_api_version);
    f("correlation_id", &RequestHeader::correlation_id);
    f("client_id", &RequestHeader::client_id, always().classic());
  }
  friend bool operator==(const RequestHeader&, const RequestHeader&) = default;
};

struct ResponseHeader {
  static constexpr codec::Format kFormat{.name = "ResponseHeader", .versions = {0, 1}, .flexible_since = 1};

  int32_t correlation_id = 0;

  static void fields(auto& f) { f("correlation_id", &ResponseHeader::correlation_id); }
  friend bool operator==(const ResponseHeader&, const ResponseHeader&) = default;
};

}  // namespace godwit::kafka
