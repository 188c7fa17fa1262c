#include <algorithm>
#include <cctype>

#include "broker/api/handlers.h"
#include "broker/api/table.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

// KIP-511: letters and digits, in between also '-' and '.'.
bool is_software_text(const std::string& text) {
  const auto alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return !text.empty() && alphanumeric(text.front()) && alphanumeric(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
}

}  // namespace

Task<kafka::ApiVersionsResponse> handle(RequestContext& context, kafka::ApiVersionsRequest request) {
  kafka::ApiVersionsResponse response;
  if (context.version() >= 3) {
    if (!is_software_text(request.client_software_name) ||
        !is_software_text(request.client_software_version)) {
      response.error_code = ErrorCode::invalid_request;
      co_return response;
    }
    context.client.software = request.client_software_name + " " + request.client_software_version;
  }
  for (const kafka::ApiInfo& api : kafka::all_apis()) {
    if (!is_served(api.key)) continue;
    // What brokers and the command line say among themselves is nothing for clients.
    if (api.internal && !context.client.software.starts_with("godwit ")) continue;
    response.api_keys.push_back({static_cast<int16_t>(api.key), api.advertised.first, api.advertised.last});
  }
  const cluster::FeatureRange features = context.shard.broker().options().features;
  response.supported_features.push_back({std::string(cluster::kFeatureName), features.first, features.last});
  if (const auto& image = context.shard.image(); image && image->version.fence >= 0) {
    const int16_t level = image->feature_level;
    response.finalized_features.push_back({std::string(cluster::kFeatureName), level, level});
    // The level only rises: it numbers itself.
    response.finalized_features_epoch = level;
  }
  co_return response;
}

}  // namespace godwit::broker::api
