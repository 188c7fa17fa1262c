// ListGroups (key 16): the groups that this broker manages. v4 filters by state, v5 by type.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct ListGroupsResponse;

struct ListGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::list_groups;
  static constexpr codec::Format kFormat{
      .name = "ListGroupsRequest", .versions = {0, 5}, .flexible_since = 3};
  using Response = ListGroupsResponse;

  std::vector<std::string> states_filter;
  std::vector<std::string> types_filter;

  static void fields(auto& f) {
    f("states_filter", &ListGroupsRequest::states_filter, since(4));
    f("types_filter", &ListGroupsRequest::types_filter, since(5));
  }
  friend bool operator==(const ListGroupsRequest&, const ListGroupsRequest&) = default;
};

struct ListGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::list_groups;
  static constexpr codec::Format kFormat{
      .name = "ListGroupsResponse", .versions = {0, 5}, .flexible_since = 3};

  struct Group {
    std::string group_id;
    std::string protocol_type;
    std::string group_state;
    std::string group_type;

    static void fields(auto& f) {
      f("group_id", &Group::group_id);
      f("protocol_type", &Group::protocol_type);
      f("group_state", &Group::group_state, since(4).ignorable());
      f("group_type", &Group::group_type, since(5).ignorable());
    }
    friend bool operator==(const Group&, const Group&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<Group> groups;

  static void fields(auto& f) {
    f("throttle_time_ms", &ListGroupsResponse::throttle_time_ms, since(1).ignorable());
    f("error_code", &ListGroupsResponse::error_code);
    f("groups", &ListGroupsResponse::groups);
  }
  friend bool operator==(const ListGroupsResponse&, const ListGroupsResponse&) = default;
};

}  // namespace godwit::kafka
