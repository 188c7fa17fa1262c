// DescribeGroups, for one of its groups.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/error_code.h"

namespace godwit::groups {

struct DescribeGroupRequest {
  int16_t version = 6;
  std::string group;
};

struct DescribedMember {
  std::string member;
  std::optional<std::string> instance;
  std::string client_id;
  std::string client_host;
  SharedBytes metadata;  // empty but in a stable group
  SharedBytes assignment;
};

struct DescribeGroupResponse {
  ErrorCode error = ErrorCode::none;
  std::string error_message;
  std::string state;  // "Dead" for a group that does not exist
  std::string protocol_type;
  std::string protocol;
  std::vector<DescribedMember> members;
};

}  // namespace godwit::groups
