// LeaveGroup: members go, one of them (v0-2) or several (v3+), by member id or by instance id
// (administrators).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/error_code.h"

namespace godwit::groups {

struct LeavingMember {
  std::string member;  // empty: whoever holds the instance id
  std::optional<std::string> instance;
};

struct LeaveRequest {
  int16_t version = 5;
  std::string group;
  std::vector<LeavingMember> members;  // v0-2: exactly one
};

struct LeftMember {
  std::string member;
  std::optional<std::string> instance;
  ErrorCode error = ErrorCode::none;
};

struct LeaveResponse {
  ErrorCode error = ErrorCode::none;  // v0-2: the single member's error too
  std::vector<LeftMember> members;
};

}  // namespace godwit::groups
