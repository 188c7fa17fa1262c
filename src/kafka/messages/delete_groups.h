// DeleteGroups (key 42): deletes groups that are empty.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DeleteGroupsResponse;

struct DeleteGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::delete_groups;
  static constexpr codec::Format kFormat{
      .name = "DeleteGroupsRequest", .versions = {0, 2}, .flexible_since = 2};
  using Response = DeleteGroupsResponse;

  std::vector<std::string> groups_names;

  static void fields(auto& f) { f("groups_names", &DeleteGroupsRequest::groups_names); }
  friend bool operator==(const DeleteGroupsRequest&, const DeleteGroupsRequest&) = default;
};

struct DeleteGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::delete_groups;
  static constexpr codec::Format kFormat{
      .name = "DeleteGroupsResponse", .versions = {0, 2}, .flexible_since = 2};

  struct Group {
    std::string group_id;
    ErrorCode error_code = ErrorCode::none;

    static void fields(auto& f) {
      f("group_id", &Group::group_id);
      f("error_code", &Group::error_code);
    }
    friend bool operator==(const Group&, const Group&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> results;

  static void fields(auto& f) {
    f("throttle_time_ms", &DeleteGroupsResponse::throttle_time_ms);
    f("results", &DeleteGroupsResponse::results);
  }
  friend bool operator==(const DeleteGroupsResponse&, const DeleteGroupsResponse&) = default;
};

}  // namespace godwit::kafka
