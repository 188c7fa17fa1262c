// SyncGroup (key 14): hands the leader's assignment to the members; each gets its own part. Answered when the
// leader has sent it.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct SyncGroupResponse;

struct SyncGroupRequest {
  static constexpr ApiKey kApi = ApiKey::sync_group;
  static constexpr codec::Format kFormat{.name = "SyncGroupRequest", .versions = {0, 5}, .flexible_since = 4};
  using Response = SyncGroupResponse;

  struct Assignment {
    std::string member_id;
    Bytes assignment;

    static void fields(auto& f) {
      f("member_id", &Assignment::member_id);
      f("assignment", &Assignment::assignment);
    }
    friend bool operator==(const Assignment&, const Assignment&) = default;
  };

  std::string group_id;
  int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::vector<Assignment> assignments;

  static void fields(auto& f) {
    f("group_id", &SyncGroupRequest::group_id);
    f("generation_id", &SyncGroupRequest::generation_id);
    f("member_id", &SyncGroupRequest::member_id);
    f("group_instance_id", &SyncGroupRequest::group_instance_id, since(3));
    f("protocol_type", &SyncGroupRequest::protocol_type, since(5).ignorable());
    f("protocol_name", &SyncGroupRequest::protocol_name, since(5).ignorable());
    f("assignments", &SyncGroupRequest::assignments);
  }
  friend bool operator==(const SyncGroupRequest&, const SyncGroupRequest&) = default;
};

struct SyncGroupResponse {
  static constexpr ApiKey kApi = ApiKey::sync_group;
  static constexpr codec::Format kFormat{
      .name = "SyncGroupResponse", .versions = {0, 5}, .flexible_since = 4};

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  Bytes assignment;

  static void fields(auto& f) {
    f("throttle_time_ms", &SyncGroupResponse::throttle_time_ms, since(1).ignorable());
    f("error_code", &SyncGroupResponse::error_code);
    f("protocol_type", &SyncGroupResponse::protocol_type, since(5).ignorable());
    f("protocol_name", &SyncGroupResponse::protocol_name, since(5).ignorable());
    f("assignment", &SyncGroupResponse::assignment);
  }
  friend bool operator==(const SyncGroupResponse&, const SyncGroupResponse&) = default;
};

}  // namespace godwit::kafka
