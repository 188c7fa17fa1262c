// DeleteTopics (key 20): deletes topics: by name, from v6 on also by id.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DeleteTopicsResponse;

struct DeleteTopicsRequest {
  static constexpr ApiKey kApi = ApiKey::delete_topics;
  static constexpr codec::Format kFormat{
      .name = "DeleteTopicsRequest", .versions = {1, 6}, .flexible_since = 4};
  using Response = DeleteTopicsResponse;

  struct Topic {
    std::optional<std::string> name;
    TopicId topic_id;

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("topic_id", &Topic::topic_id);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> topics;
  std::vector<std::string> topic_names;
  int32_t timeout_ms = 0;

  static void fields(auto& f) {
    f("topics", &DeleteTopicsRequest::topics, since(6));
    f("topic_names", &DeleteTopicsRequest::topic_names, versions(0, 5).ignorable());
    f("timeout_ms", &DeleteTopicsRequest::timeout_ms);
  }
  friend bool operator==(const DeleteTopicsRequest&, const DeleteTopicsRequest&) = default;
};

struct DeleteTopicsResponse {
  static constexpr ApiKey kApi = ApiKey::delete_topics;
  static constexpr codec::Format kFormat{
      .name = "DeleteTopicsResponse", .versions = {1, 6}, .flexible_since = 4};

  struct Topic {
    std::optional<std::string> name = "";
    TopicId topic_id;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message;

    static void fields(auto& f) {
      f("name", &Topic::name, always().nullable_since(6));
      f("topic_id", &Topic::topic_id, since(6).ignorable());
      f("error_code", &Topic::error_code);
      f("error_message", &Topic::error_message, since(5).ignorable());
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> responses;

  static void fields(auto& f) {
    f("throttle_time_ms", &DeleteTopicsResponse::throttle_time_ms);
    f("responses", &DeleteTopicsResponse::responses);
  }
  friend bool operator==(const DeleteTopicsResponse&, const DeleteTopicsResponse&) = default;
};

}  // namespace godwit::kafka
