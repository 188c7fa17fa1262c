// IncrementalAlterConfigs (key 44): sets, deletes, appends to or subtracts from single dynamic settings.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct IncrementalAlterConfigsResponse;

struct IncrementalAlterConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::incremental_alter_configs;
  static constexpr codec::Format kFormat{
      .name = "IncrementalAlterConfigsRequest", .versions = {0, 1}, .flexible_since = 1};
  using Response = IncrementalAlterConfigsResponse;

  struct Config {
    std::string name;
    // 0: set, 1: delete, 2: append, 3: subtract.
    int8_t config_operation = 0;
    std::optional<std::string> value = "";

    static void fields(auto& f) {
      f("name", &Config::name);
      f("config_operation", &Config::config_operation);
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
    f("resources", &IncrementalAlterConfigsRequest::resources);
    f("validate_only", &IncrementalAlterConfigsRequest::validate_only);
  }
  friend bool operator==(const IncrementalAlterConfigsRequest&,
                         const IncrementalAlterConfigsRequest&) = default;
};

struct IncrementalAlterConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::incremental_alter_configs;
  static constexpr codec::Format kFormat{
      .name = "IncrementalAlterConfigsResponse", .versions = {0, 1}, .flexible_since = 1};

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
    f("throttle_time_ms", &IncrementalAlterConfigsResponse::throttle_time_ms);
    f("responses", &IncrementalAlterConfigsResponse::responses);
  }
  friend bool operator==(const IncrementalAlterConfigsResponse&,
                         const IncrementalAlterConfigsResponse&) = default;
};

}  // namespace godwit::kafka
