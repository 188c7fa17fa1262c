// SyncGroup: the leader hands in everybody's assignment, each member takes its own. Parked until the
// assignment is committed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/error_code.h"

namespace godwit::groups {

struct MemberAssignment {
  std::string member;
  SharedBytes assignment;
};

struct SyncRequest {
  std::string group;
  int32_t generation = -1;
  std::string member;
  std::optional<std::string> instance;
  std::optional<std::string> protocol_type;  // v5+: must be the group's, where given
  std::optional<std::string> protocol;
  std::vector<MemberAssignment> assignments;  // of the leader alone
};

struct SyncResponse {
  ErrorCode error = ErrorCode::none;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  SharedBytes assignment;
};

}  // namespace godwit::groups
