// LeaveGroup (key 13): leaves a group: up to v2 one member, from v3 on several.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct LeaveGroupResponse;

struct LeaveGroupRequest {
  static constexpr ApiKey kApi = ApiKey::leave_group;
  static constexpr codec::Format kFormat{
      .name = "LeaveGroupRequest", .versions = {0, 5}, .flexible_since = 4};
  using Response = LeaveGroupResponse;

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::optional<std::string> reason;

    static void fields(auto& f) {
      f("member_id", &Member::member_id);
      f("group_instance_id", &Member::group_instance_id);
      f("reason", &Member::reason, since(5).ignorable());
    }
    friend bool operator==(const Member&, const Member&) = default;
  };

  std::string group_id;
  std::string member_id;
  std::vector<Member> members;

  static void fields(auto& f) {
    f("group_id", &LeaveGroupRequest::group_id);
    f("member_id", &LeaveGroupRequest::member_id, versions(0, 2));
    f("members", &LeaveGroupRequest::members, since(3));
  }
  friend bool operator==(const LeaveGroupRequest&, const LeaveGroupRequest&) = default;
};

struct LeaveGroupResponse {
  static constexpr ApiKey kApi = ApiKey::leave_group;
  static constexpr codec::Format kFormat{
      .name = "LeaveGroupResponse", .versions = {0, 5}, .flexible_since = 4};

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id = "";
    ErrorCode error_code = ErrorCode::none;

    static void fields(auto& f) {
      f("member_id", &Member::member_id);
      f("group_instance_id", &Member::group_instance_id);
      f("error_code", &Member::error_code);
    }
    friend bool operator==(const Member&, const Member&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<Member> members;

  static void fields(auto& f) {
    f("throttle_time_ms", &LeaveGroupResponse::throttle_time_ms, since(1).ignorable());
    f("error_code", &LeaveGroupResponse::error_code);
    f("members", &LeaveGroupResponse::members, since(3));
  }
  friend bool operator==(const LeaveGroupResponse&, const LeaveGroupResponse&) = default;
};

}  // namespace godwit::kafka
