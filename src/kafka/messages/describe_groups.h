// DescribeGroups (key 15): state and members of groups. v3 lists authorized operations; from v6 on an unknown
// group is an error.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DescribeGroupsResponse;

struct DescribeGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::describe_groups;
  static constexpr codec::Format kFormat{
      .name = "DescribeGroupsRequest", .versions = {0, 6}, .flexible_since = 5};
  using Response = DescribeGroupsResponse;

  std::vector<std::string> groups;
  bool include_authorized_operations = false;

  static void fields(auto& f) {
    f("groups", &DescribeGroupsRequest::groups);
    f("include_authorized_operations", &DescribeGroupsRequest::include_authorized_operations, since(3));
  }
  friend bool operator==(const DescribeGroupsRequest&, const DescribeGroupsRequest&) = default;
};

struct DescribeGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::describe_groups;
  static constexpr codec::Format kFormat{
      .name = "DescribeGroupsResponse", .versions = {0, 6}, .flexible_since = 5};

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string client_id;
    std::string client_host;
    Bytes member_metadata;
    Bytes member_assignment;

    static void fields(auto& f) {
      f("member_id", &Member::member_id);
      f("group_instance_id", &Member::group_instance_id, since(4).ignorable());
      f("client_id", &Member::client_id);
      f("client_host", &Member::client_host);
      f("member_metadata", &Member::member_metadata);
      f("member_assignment", &Member::member_assignment);
    }
    friend bool operator==(const Member&, const Member&) = default;
  };

  struct Group {
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message;
    std::string group_id;
    std::string group_state;
    std::string protocol_type;
    std::string protocol_data;
    std::vector<Member> members;
    int32_t authorized_operations = kOperationsNotRequested;

    static void fields(auto& f) {
      f("error_code", &Group::error_code);
      f("error_message", &Group::error_message, since(6));
      f("group_id", &Group::group_id);
      f("group_state", &Group::group_state);
      f("protocol_type", &Group::protocol_type);
      f("protocol_data", &Group::protocol_data);
      f("members", &Group::members);
      f("authorized_operations", &Group::authorized_operations, since(3));
    }
    friend bool operator==(const Group&, const Group&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> groups;

  static void fields(auto& f) {
    f("throttle_time_ms", &DescribeGroupsResponse::throttle_time_ms, since(1).ignorable());
    f("groups", &DescribeGroupsResponse::groups);
  }
  friend bool operator==(const DescribeGroupsResponse&, const DescribeGroupsResponse&) = default;
};

}  // namespace godwit::kafka
