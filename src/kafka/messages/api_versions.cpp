#include "kafka/messages/api_versions.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ApiVersionsRequest);
GODWIT_CODEC(godwit::kafka::ApiVersionsResponse);

namespace godwit::kafka {

ApiVersionsResponse api_versions_fallback() {
  const auto range = advertised_versions(ApiKey::api_versions);
  ApiVersionsResponse response;
  response.error_code = ErrorCode::unsupported_version;
  response.api_keys.push_back({static_cast<int16_t>(ApiKey::api_versions), range.first, range.last});
  return response;
}

}  // namespace godwit::kafka
