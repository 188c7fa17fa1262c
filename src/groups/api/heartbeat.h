// Heartbeat: a member says that it lives, and hears whether it must join again. Answered at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/error_code.h"

namespace godwit::groups {

struct HeartbeatRequest {
  std::string group;
  int32_t generation = -1;
  std::string member;
  std::optional<std::string> instance;
};

struct HeartbeatResponse {
  ErrorCode error = ErrorCode::none;
};

}  // namespace godwit::groups
