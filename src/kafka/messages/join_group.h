// JoinGroup (key 11): enters a group, or asks for a rebalance. v4 answers a new member with an id to join
// again with (KIP-394); v5 knows static members (KIP-345); v8 has a reason (KIP-800); v9 tells the leader to
// keep the assignment (KIP-814).
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct JoinGroupResponse;

struct JoinGroupRequest {
  static constexpr ApiKey kApi = ApiKey::join_group;
  static constexpr codec::Format kFormat{.name = "JoinGroupRequest", .versions = {0, 9}, .flexible_since = 6};
  using Response = JoinGroupResponse;

  struct Protocol {
    std::string name;
    Bytes metadata;

    static void fields(auto& f) {
      f("name", &Protocol::name);
      f("metadata", &Protocol::metadata);
    }
    friend bool operator==(const Protocol&, const Protocol&) = default;
  };

  std::string group_id;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string protocol_type;
  std::vector<Protocol> protocols;
  std::optional<std::string> reason;

  static void fields(auto& f) {
    f("group_id", &JoinGroupRequest::group_id);
    f("session_timeout_ms", &JoinGroupRequest::session_timeout_ms);
    f("rebalance_timeout_ms", &JoinGroupRequest::rebalance_timeout_ms, since(1).ignorable());
    f("member_id", &JoinGroupRequest::member_id);
    f("group_instance_id", &JoinGroupRequest::group_instance_id, since(5));
    f("protocol_type", &JoinGroupRequest::protocol_type);
    f("protocols", &JoinGroupRequest::protocols);
    f("reason", &JoinGroupRequest::reason, since(8).ignorable());
  }
  friend bool operator==(const JoinGroupRequest&, const JoinGroupRequest&) = default;
};

struct JoinGroupResponse {
  static constexpr ApiKey kApi = ApiKey::join_group;
  static constexpr codec::Format kFormat{
      .name = "JoinGroupResponse", .versions = {0, 9}, .flexible_since = 6};

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    Bytes metadata;

    static void fields(auto& f) {
      f("member_id", &Member::member_id);
      f("group_instance_id", &Member::group_instance_id, since(5).ignorable());
      f("metadata", &Member::metadata);
    }
    friend bool operator==(const Member&, const Member&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  int32_t generation_id = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name = "";
  std::string leader;
  bool skip_assignment = false;
  std::string member_id;
  std::vector<Member> members;

  static void fields(auto& f) {
    f("throttle_time_ms", &JoinGroupResponse::throttle_time_ms, since(2).ignorable());
    f("error_code", &JoinGroupResponse::error_code);
    f("generation_id", &JoinGroupResponse::generation_id);
    f("protocol_type", &JoinGroupResponse::protocol_type, since(7).ignorable());
    f("protocol_name", &JoinGroupResponse::protocol_name, always().nullable_since(7));
    f("leader", &JoinGroupResponse::leader);
    f("skip_assignment", &JoinGroupResponse::skip_assignment, since(9));
    f("member_id", &JoinGroupResponse::member_id);
    f("members", &JoinGroupResponse::members);
  }
  friend bool operator==(const JoinGroupResponse&, const JoinGroupResponse&) = default;
};

}  // namespace godwit::kafka
