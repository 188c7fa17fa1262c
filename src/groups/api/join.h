// JoinGroup: a member enters the next generation of its group. Parked until that generation is committed.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/error_code.h"

namespace godwit::groups {

// A way of assigning partitions that a member can take part in, with what it wants to tell the leader about
// itself.
struct GroupProtocol {
  std::string name;
  SharedBytes metadata;  // opaque, but for protocol type "consumer": its subscription
};

struct JoinRequest {
  int16_t version = 9;
  std::string group;
  std::string member;                   // empty: not a member yet
  std::optional<std::string> instance;  // group.instance.id: a static member (v5+)
  std::string client_id;
  std::string client_host;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = -1;  // -1 (v0): the session timeout
  std::string protocol_type;
  std::vector<GroupProtocol> protocols;  // the most wanted first; names are unique
  std::array<std::byte, 16> random{};    // fresh random bytes, from which a new member id is made
};

struct JoinedMember {
  std::string member;
  std::optional<std::string> instance;
  SharedBytes metadata;  // of the chosen protocol
};

struct JoinResponse {
  ErrorCode error = ErrorCode::none;
  int32_t generation = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::string leader;
  bool skip_assignment = false;       // v9+: a static leader came back, the assignment stands
  std::string member;                 // the receiver's id
  std::vector<JoinedMember> members;  // for the leader alone
};

}  // namespace godwit::groups
