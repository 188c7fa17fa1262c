// CreateAcls (key 30): creates ACLs.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct CreateAclsResponse;

struct CreateAclsRequest {
  static constexpr ApiKey kApi = ApiKey::create_acls;
  static constexpr codec::Format kFormat{
      .name = "CreateAclsRequest", .versions = {1, 3}, .flexible_since = 2};
  using Response = CreateAclsResponse;

  struct Creation {
    // 2: topic, 3: group, 4: cluster or broker, 5: transactional id, 6: delegation token, 7: user.
    int8_t resource_type = 0;
    std::string resource_name;
    int8_t resource_pattern_type = 3;
    std::string principal;
    std::string host;
    int8_t operation = 0;
    int8_t permission_type = 0;

    static void fields(auto& f) {
      f("resource_type", &Creation::resource_type);
      f("resource_name", &Creation::resource_name);
      f("resource_pattern_type", &Creation::resource_pattern_type);
      f("principal", &Creation::principal);
      f("host", &Creation::host);
      f("operation", &Creation::operation);
      f("permission_type", &Creation::permission_type);
    }
    friend bool operator==(const Creation&, const Creation&) = default;
  };

  std::vector<Creation> creations;

  static void fields(auto& f) { f("creations", &CreateAclsRequest::creations); }
  friend bool operator==(const CreateAclsRequest&, const CreateAclsRequest&) = default;
};

struct CreateAclsResponse {
  static constexpr ApiKey kApi = ApiKey::create_acls;
  static constexpr codec::Format kFormat{
      .name = "CreateAclsResponse", .versions = {1, 3}, .flexible_since = 2};

  struct Result {
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = "";

    static void fields(auto& f) {
      f("error_code", &Result::error_code);
      f("error_message", &Result::error_message);
    }
    friend bool operator==(const Result&, const Result&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results;

  static void fields(auto& f) {
    f("throttle_time_ms", &CreateAclsResponse::throttle_time_ms);
    f("results", &CreateAclsResponse::results);
  }
  friend bool operator==(const CreateAclsResponse&, const CreateAclsResponse&) = default;
};

}  // namespace godwit::kafka
