// DescribeConfigs (key 32): effective settings of topics and brokers, and where they come from. No keys asked
// for: all of them.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DescribeConfigsResponse;

struct DescribeConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::describe_configs;
  static constexpr codec::Format kFormat{
      .name = "DescribeConfigsRequest", .versions = {1, 4}, .flexible_since = 4};
  using Response = DescribeConfigsResponse;

  struct Resource {
    // 2: topic, 4: broker, 8: broker logger, 16: client metrics, 32: group.
    int8_t resource_type = 0;
    std::string resource_name;
    // Null, as well as empty, asks for all.
    std::optional<std::vector<std::string>> configuration_keys{std::in_place};

    static void fields(auto& f) {
      f("resource_type", &Resource::resource_type);
      f("resource_name", &Resource::resource_name);
      f("configuration_keys", &Resource::configuration_keys);
    }
    friend bool operator==(const Resource&, const Resource&) = default;
  };

  std::vector<Resource> resources;
  bool include_synonyms = false;
  bool include_documentation = false;

  static void fields(auto& f) {
    f("resources", &DescribeConfigsRequest::resources);
    f("include_synonyms", &DescribeConfigsRequest::include_synonyms);
    f("include_documentation", &DescribeConfigsRequest::include_documentation, since(3));
  }
  friend bool operator==(const DescribeConfigsRequest&, const DescribeConfigsRequest&) = default;
};

struct DescribeConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::describe_configs;
  static constexpr codec::Format kFormat{
      .name = "DescribeConfigsResponse", .versions = {1, 4}, .flexible_since = 4};

  struct Synonym {
    std::string name;
    std::optional<std::string> value = "";
    int8_t source = 0;

    static void fields(auto& f) {
      f("name", &Synonym::name);
      f("value", &Synonym::value);
      f("source", &Synonym::source);
    }
    friend bool operator==(const Synonym&, const Synonym&) = default;
  };

  struct Config {
    std::string name;
    std::optional<std::string> value = "";
    bool read_only = false;
    int8_t config_source = -1;
    bool is_sensitive = false;
    std::vector<Synonym> synonyms;
    int8_t config_type = 0;
    std::optional<std::string> documentation = "";

    static void fields(auto& f) {
      f("name", &Config::name);
      f("value", &Config::value);
      f("read_only", &Config::read_only);
      f("config_source", &Config::config_source);
      f("is_sensitive", &Config::is_sensitive);
      f("synonyms", &Config::synonyms);
      f("config_type", &Config::config_type, since(3).ignorable());
      f("documentation", &Config::documentation, since(3).ignorable());
    }
    friend bool operator==(const Config&, const Config&) = default;
  };

  struct Resource {
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = "";
    // 2: topic, 4: broker, 8: broker logger, 16: client metrics, 32: group.
    int8_t resource_type = 0;
    std::string resource_name;
    std::vector<Config> configs;

    static void fields(auto& f) {
      f("error_code", &Resource::error_code);
      f("error_message", &Resource::error_message);
      f("resource_type", &Resource::resource_type);
      f("resource_name", &Resource::resource_name);
      f("configs", &Resource::configs);
    }
    friend bool operator==(const Resource&, const Resource&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Resource> results;

  static void fields(auto& f) {
    f("throttle_time_ms", &DescribeConfigsResponse::throttle_time_ms);
    f("results", &DescribeConfigsResponse::results);
  }
  friend bool operator==(const DescribeConfigsResponse&, const DescribeConfigsResponse&) = default;
};

}  // namespace godwit::kafka
