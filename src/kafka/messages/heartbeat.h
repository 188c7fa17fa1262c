// Heartbeat (key 12): tells the group manager that a member lives, and learns of rebalances.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct HeartbeatResponse;

struct HeartbeatRequest {
  static constexpr ApiKey kApi = ApiKey::heartbeat;
  static constexpr codec::Format kFormat{.name = "HeartbeatRequest", .versions = {0, 4}, .flexible_since = 4};
  using Response = HeartbeatResponse;

  std::string group_id;
  int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;

  static void fields(auto& f) {
    f("group_id", &HeartbeatRequest::group_id);
    f("generation_id", &HeartbeatRequest::generation_id);
    f("member_id", &HeartbeatRequest::member_id);
    f("group_instance_id", &HeartbeatRequest::group_instance_id, since(3));
  }
  friend bool operator==(const HeartbeatRequest&, const HeartbeatRequest&) = default;
};

struct HeartbeatResponse {
  static constexpr ApiKey kApi = ApiKey::heartbeat;
  static constexpr codec::Format kFormat{
      .name = "HeartbeatResponse", .versions = {0, 4}, .flexible_since = 4};

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;

  static void fields(auto& f) {
    f("throttle_time_ms", &HeartbeatResponse::throttle_time_ms, since(1).ignorable());
    f("error_code", &HeartbeatResponse::error_code);
  }
  friend bool operator==(const HeartbeatResponse&, const HeartbeatResponse&) = default;
};

}  // namespace godwit::kafka
