// DescribeAcls (key 29): lists ACLs that match a filter.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DescribeAclsResponse;

struct DescribeAclsRequest {
  static constexpr ApiKey kApi = ApiKey::describe_acls;
  static constexpr codec::Format kFormat{
      .name = "DescribeAclsRequest", .versions = {1, 3}, .flexible_since = 2};
  using Response = DescribeAclsResponse;

  int8_t resource_type_filter = 0;
  std::optional<std::string> resource_name_filter = "";
  int8_t pattern_type_filter = 3;
  std::optional<std::string> principal_filter = "";
  std::optional<std::string> host_filter = "";
  int8_t operation = 0;
  int8_t permission_type = 0;

  static void fields(auto& f) {
    f("resource_type_filter", &DescribeAclsRequest::resource_type_filter);
    f("resource_name_filter", &DescribeAclsRequest::resource_name_filter);
    f("pattern_type_filter", &DescribeAclsRequest::pattern_type_filter);
    f("principal_filter", &DescribeAclsRequest::principal_filter);
    f("host_filter", &DescribeAclsRequest::host_filter);
    f("operation", &DescribeAclsRequest::operation);
    f("permission_type", &DescribeAclsRequest::permission_type);
  }
  friend bool operator==(const DescribeAclsRequest&, const DescribeAclsRequest&) = default;
};

struct DescribeAclsResponse {
  static constexpr ApiKey kApi = ApiKey::describe_acls;
  static constexpr codec::Format kFormat{
      .name = "DescribeAclsResponse", .versions = {1, 3}, .flexible_since = 2};

  struct Acl {
    std::string principal;
    std::string host;
    int8_t operation = 0;
    int8_t permission_type = 0;

    static void fields(auto& f) {
      f("principal", &Acl::principal);
      f("host", &Acl::host);
      f("operation", &Acl::operation);
      f("permission_type", &Acl::permission_type);
    }
    friend bool operator==(const Acl&, const Acl&) = default;
  };

  struct Resource {
    // 2: topic, 3: group, 4: cluster or broker, 5: transactional id, 6: delegation token, 7: user.
    int8_t resource_type = 0;
    std::string resource_name;
    int8_t pattern_type = 3;
    std::vector<Acl> acls;

    static void fields(auto& f) {
      f("resource_type", &Resource::resource_type);
      f("resource_name", &Resource::resource_name);
      f("pattern_type", &Resource::pattern_type);
      f("acls", &Resource::acls);
    }
    friend bool operator==(const Resource&, const Resource&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message = "";
  std::vector<Resource> resources;

  static void fields(auto& f) {
    f("throttle_time_ms", &DescribeAclsResponse::throttle_time_ms);
    f("error_code", &DescribeAclsResponse::error_code);
    f("error_message", &DescribeAclsResponse::error_message);
    f("resources", &DescribeAclsResponse::resources);
  }
  friend bool operator==(const DescribeAclsResponse&, const DescribeAclsResponse&) = default;
};

}  // namespace godwit::kafka
