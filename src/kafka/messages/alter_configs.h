// AlterConfigs (key 33): replaces all dynamic settings of topics or brokers by the given ones.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct AlterConfigsResponse;

struct AlterConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::alter_configs;
  static constexpr codec::Format kFormat{
      .name = "AlterConfigsRequest", .versions = {0, 2}, .flexible_since = 2};
  using Response = AlterConfigsResponse;

  struct Config {
    std::string name;
    std::optional<std::string> value = "";

    static void fields(auto& f) {
      f("name", &Config::name);
      f("value", &Config::value);
    }
    friend bool operator==(const Config&, const Config&) = default;
  };

  struct Resource {
    // 2: topic, 4: broker, 8: broker logger, 16: client metrics, 32: group.
    int8_t resource_type = 0;
    std::string resource_name;
    std::vector<Config> configs;

    static void fields(auto& f) {
      f("resource_type", &Resource::resource_type);
      f("resource_name", &Resource::resource_name);
      f("configs", &Resource::configs);
    }
    friend bool operator==(const Resource&, const Resource&) = default;
  };

  std::vector<Resource> resources;
  bool validate_only = false;

  static void fields(auto& f) {
    f("resources", &AlterConfigsRequest::resources);
    f("validate_only", &AlterConfigsRequest::validate_only);
  }
  friend bool operator==(const AlterConfigsRequest&, const AlterConfigsRequest&) = default;
};

struct AlterConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::alter_configs;
  static constexpr codec::Format kFormat{
      .name = "AlterConfigsResponse", .versions = {0, 2}, .flexible_since = 2};

  struct Resource {
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = "";
    // 2: topic, 4: broker, 8: broker logger, 16: client metrics, 32: group.
    int8_t resource_type = 0;
    std::string resource_name;

    static void fields(auto& f) {
      f("error_code", &Resource::error_code);
      f("error_message", &Resource::error_message);
      f("resource_type", &Resource::resource_type);
      f("resource_name", &Resource::resource_name);
    }
    friend bool operator==(const Resource&, const Resource&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Resource> responses;

  static void fields(auto& f) {
    f("throttle_time_ms", &AlterConfigsResponse::throttle_time_ms);
    f("responses", &AlterConfigsResponse::responses);
  }
  friend bool operator==(const AlterConfigsResponse&, const AlterConfigsResponse&) = default;
};

}  // namespace godwit::kafka
