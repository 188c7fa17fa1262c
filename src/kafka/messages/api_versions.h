// ApiVersions (key 18): which versions of which requests this broker takes; the first request on a
// connection. Its response always has the response header v0, and a request that is too new is answered in
// version 0 (see api_versions_fallback).
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct ApiVersionsResponse;

struct ApiVersionsRequest {
  static constexpr ApiKey kApi = ApiKey::api_versions;
  static constexpr codec::Format kFormat{
      .name = "ApiVersionsRequest", .versions = {0, 4}, .flexible_since = 3};
  using Response = ApiVersionsResponse;

  std::string client_software_name;
  std::string client_software_version;

  static void fields(auto& f) {
    f("client_software_name", &ApiVersionsRequest::client_software_name, since(3).ignorable());
    f("client_software_version", &ApiVersionsRequest::client_software_version, since(3).ignorable());
  }
  friend bool operator==(const ApiVersionsRequest&, const ApiVersionsRequest&) = default;
};

struct ApiVersionsResponse {
  static constexpr ApiKey kApi = ApiKey::api_versions;
  static constexpr codec::Format kFormat{
      .name = "ApiVersionsResponse", .versions = {0, 4}, .flexible_since = 3};

  struct Api {
    int16_t api_key = 0;
    int16_t min_version = 0;
    int16_t max_version = 0;

    static void fields(auto& f) {
      f("api_key", &Api::api_key);
      f("min_version", &Api::min_version);
      f("max_version", &Api::max_version);
    }
    friend bool operator==(const Api&, const Api&) = default;
  };

  struct SupportedFeature {
    std::string name;
    int16_t min_version = 0;
    int16_t max_version = 0;

    static void fields(auto& f) {
      f("name", &SupportedFeature::name);
      f("min_version", &SupportedFeature::min_version);
      f("max_version", &SupportedFeature::max_version);
    }
    friend bool operator==(const SupportedFeature&, const SupportedFeature&) = default;
  };

  struct FinalizedFeature {
    std::string name;
    int16_t max_version_level = 0;
    int16_t min_version_level = 0;

    static void fields(auto& f) {
      f("name", &FinalizedFeature::name);
      f("max_version_level", &FinalizedFeature::max_version_level);
      f("min_version_level", &FinalizedFeature::min_version_level);
    }
    friend bool operator==(const FinalizedFeature&, const FinalizedFeature&) = default;
  };

  ErrorCode error_code = ErrorCode::none;
  std::vector<Api> api_keys;
  int32_t throttle_time_ms = 0;
  std::vector<SupportedFeature> supported_features;
  int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeature> finalized_features;
  bool zk_migration_ready = false;

  static void fields(auto& f) {
    f("error_code", &ApiVersionsResponse::error_code);
    f("api_keys", &ApiVersionsResponse::api_keys);
    f("throttle_time_ms", &ApiVersionsResponse::throttle_time_ms, since(1).ignorable());
    f("supported_features", &ApiVersionsResponse::supported_features, since(3).tagged(0).ignorable());
    f("finalized_features_epoch", &ApiVersionsResponse::finalized_features_epoch,
      since(3).tagged(1).ignorable());
    f("finalized_features", &ApiVersionsResponse::finalized_features, since(3).tagged(2).ignorable());
    f("zk_migration_ready", &ApiVersionsResponse::zk_migration_ready, since(3).tagged(3).ignorable());
  }
  friend bool operator==(const ApiVersionsResponse&, const ApiVersionsResponse&) = default;
};

// The answer to an ApiVersions request that is newer than this broker: UNSUPPORTED_VERSION, and which
// versions of ApiVersions it takes, so that the client asks again. Must be encoded in version 0.
ApiVersionsResponse api_versions_fallback();

}  // namespace godwit::kafka
