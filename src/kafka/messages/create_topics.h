// CreateTopics (key 19): creates topics. v5 answers with the settings; v7 with the topic's id.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct CreateTopicsResponse;

struct CreateTopicsRequest {
  static constexpr ApiKey kApi = ApiKey::create_topics;
  static constexpr codec::Format kFormat{
      .name = "CreateTopicsRequest", .versions = {2, 7}, .flexible_since = 5};
  using Response = CreateTopicsResponse;

  struct Assignment {
    PartitionIndex partition_index;
    std::vector<BrokerId> broker_ids;

    static void fields(auto& f) {
      f("partition_index", &Assignment::partition_index);
      f("broker_ids", &Assignment::broker_ids);
    }
    friend bool operator==(const Assignment&, const Assignment&) = default;
  };

  struct Config {
    std::string name;
    std::optional<std::string> value = "";

    static void fields(auto& f) {
      f("name", &Config::name);
      f("value", &Config::value);
    }
    friend bool operator==(const Config&, const Config&) = default;
  };

  struct Topic {
    std::string name;
    // -1: as the broker is configured, or as the assignments say.
    int32_t num_partitions = 0;
    // -1: as the broker is configured, or as the assignments say.
    int16_t replication_factor = 0;
    std::vector<Assignment> assignments;
    std::vector<Config> configs;

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("num_partitions", &Topic::num_partitions);
      f("replication_factor", &Topic::replication_factor);
      f("assignments", &Topic::assignments);
      f("configs", &Topic::configs);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> topics;
  int32_t timeout_ms = 60000;
  bool validate_only = false;

  static void fields(auto& f) {
    f("topics", &CreateTopicsRequest::topics);
    f("timeout_ms", &CreateTopicsRequest::timeout_ms);
    f("validate_only", &CreateTopicsRequest::validate_only);
  }
  friend bool operator==(const CreateTopicsRequest&, const CreateTopicsRequest&) = default;
};

struct CreateTopicsResponse {
  static constexpr ApiKey kApi = ApiKey::create_topics;
  static constexpr codec::Format kFormat{
      .name = "CreateTopicsResponse", .versions = {2, 7}, .flexible_since = 5};

  struct Config {
    std::string name;
    std::optional<std::string> value = "";
    bool read_only = false;
    int8_t config_source = -1;
    bool is_sensitive = false;

    static void fields(auto& f) {
      f("name", &Config::name);
      f("value", &Config::value);
      f("read_only", &Config::read_only);
      f("config_source", &Config::config_source);
      f("is_sensitive", &Config::is_sensitive);
    }
    friend bool operator==(const Config&, const Config&) = default;
  };

  struct Topic {
    std::string name;
    TopicId topic_id;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = "";
    ErrorCode topic_config_error_code = ErrorCode::none;
    int32_t num_partitions = -1;
    int16_t replication_factor = -1;
    std::optional<std::vector<Config>> configs{std::in_place};

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("topic_id", &Topic::topic_id, since(7).ignorable());
      f("error_code", &Topic::error_code);
      f("error_message", &Topic::error_message);
      f("topic_config_error_code", &Topic::topic_config_error_code, since(5).tagged(0).ignorable());
      f("num_partitions", &Topic::num_partitions, since(5).ignorable());
      f("replication_factor", &Topic::replication_factor, since(5).ignorable());
      f("configs", &Topic::configs, since(5).ignorable());
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("throttle_time_ms", &CreateTopicsResponse::throttle_time_ms);
    f("topics", &CreateTopicsResponse::topics);
  }
  friend bool operator==(const CreateTopicsResponse&, const CreateTopicsResponse&) = default;
};

}  // namespace godwit::kafka
