// DeleteGroups, for one of its groups: an empty group goes, with its offsets.
#pragma once

#include <string>

#include "model/error_code.h"

namespace godwit::groups {

struct DeleteGroupRequest {
  std::string group;
};

struct DeleteGroupResponse {
  ErrorCode error = ErrorCode::none;
};

}  // namespace godwit::groups
