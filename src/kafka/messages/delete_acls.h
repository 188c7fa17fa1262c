// DeleteAcls (key 31): deletes the ACLs that match filters.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DeleteAclsResponse;

struct DeleteAclsRequest {
  static constexpr ApiKey kApi = ApiKey::delete_acls;
  static constexpr codec::Format kFormat{
      .name = "DeleteAclsRequest", .versions = {1, 3}, .flexible_since = 2};
  using Response = DeleteAclsResponse;

  struct Filter {
    int8_t resource_type_filter = 0;
    std::optional<std::string> resource_name_filter = "";
    int8_t pattern_type_filter = 3;
    std::optional<std::string> principal_filter = "";
    std::optional<std::string> host_filter = "";
    int8_t operation = 0;
    int8_t permission_type = 0;

    static void fields(auto& f) {
      f("resource_type_filter", &Filter::resource_type_filter);
      f("resource_name_filter", &Filter::resource_name_filter);
      f("pattern_type_filter", &Filter::pattern_type_filter);
      f("principal_filter", &Filter::principal_filter);
      f("host_filter", &Filter::host_filter);
      f("operation", &Filter::operation);
      f("permission_type", &Filter::permission_type);
    }
    friend bool operator==(const Filter&, const Filter&) = default;
  };

  std::vector<Filter> filters;

  static void fields(auto& f) { f("filters", &DeleteAclsRequest::filters); }
  friend bool operator==(const DeleteAclsRequest&, const DeleteAclsRequest&) = default;
};

struct DeleteAclsResponse {
  static constexpr ApiKey kApi = ApiKey::delete_acls;
  static constexpr codec::Format kFormat{
      .name = "DeleteAclsResponse", .versions = {1, 3}, .flexible_since = 2};

  struct MatchingAcl {
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = "";
    // 2: topic, 3: group, 4: cluster or broker, 5: transactional id, 6: delegation token, 7: user.
    int8_t resource_type = 0;
    std::string resource_name;
    int8_t pattern_type = 3;
    std::string principal;
    std::string host;
    int8_t operation = 0;
    int8_t permission_type = 0;

    static void fields(auto& f) {
      f("error_code", &MatchingAcl::error_code);
      f("error_message", &MatchingAcl::error_message);
      f("resource_type", &MatchingAcl::resource_type);
      f("resource_name", &MatchingAcl::resource_name);
      f("pattern_type", &MatchingAcl::pattern_type);
      f("principal", &MatchingAcl::principal);
      f("host", &MatchingAcl::host);
      f("operation", &MatchingAcl::operation);
      f("permission_type", &MatchingAcl::permission_type);
    }
    friend bool operator==(const MatchingAcl&, const MatchingAcl&) = default;
  };

  struct FilterResult {
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = "";
    std::vector<MatchingAcl> matching_acls;

    static void fields(auto& f) {
      f("error_code", &FilterResult::error_code);
      f("error_message", &FilterResult::error_message);
      f("matching_acls", &FilterResult::matching_acls);
    }
    friend bool operator==(const FilterResult&, const FilterResult&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<FilterResult> filter_results;

  static void fields(auto& f) {
    f("throttle_time_ms", &DeleteAclsResponse::throttle_time_ms);
    f("filter_results", &DeleteAclsResponse::filter_results);
  }
  friend bool operator==(const DeleteAclsResponse&, const DeleteAclsResponse&) = default;
};

}  // namespace godwit::kafka
