// CreatePartitions (key 37): adds partitions to topics.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct CreatePartitionsResponse;

struct CreatePartitionsRequest {
  static constexpr ApiKey kApi = ApiKey::create_partitions;
  static constexpr codec::Format kFormat{
      .name = "CreatePartitionsRequest", .versions = {0, 3}, .flexible_since = 2};
  using Response = CreatePartitionsResponse;

  struct Assignment {
    std::vector<BrokerId> broker_ids;

    static void fields(auto& f) { f("broker_ids", &Assignment::broker_ids); }
    friend bool operator==(const Assignment&, const Assignment&) = default;
  };

  struct Topic {
    std::string name;
    // Partitions that the topic shall have in all.
    int32_t count = 0;
    std::optional<std::vector<Assignment>> assignments{std::in_place};

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("count", &Topic::count);
      f("assignments", &Topic::assignments);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> topics;
  int32_t timeout_ms = 0;
  bool validate_only = false;

  static void fields(auto& f) {
    f("topics", &CreatePartitionsRequest::topics);
    f("timeout_ms", &CreatePartitionsRequest::timeout_ms);
    f("validate_only", &CreatePartitionsRequest::validate_only);
  }
  friend bool operator==(const CreatePartitionsRequest&, const CreatePartitionsRequest&) = default;
};

struct CreatePartitionsResponse {
  static constexpr ApiKey kApi = ApiKey::create_partitions;
  static constexpr codec::Format kFormat{
      .name = "CreatePartitionsResponse", .versions = {0, 3}, .flexible_since = 2};

  struct Topic {
    std::string name;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message;

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("error_code", &Topic::error_code);
      f("error_message", &Topic::error_message);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> results;

  static void fields(auto& f) {
    f("throttle_time_ms", &CreatePartitionsResponse::throttle_time_ms);
    f("results", &CreatePartitionsResponse::results);
  }
  friend bool operator==(const CreatePartitionsResponse&, const CreatePartitionsResponse&) = default;
};

}  // namespace godwit::kafka
