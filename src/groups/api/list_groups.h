// ListGroups, for the groups of one partition; the caller merges.
#pragma once

#include <string>
#include <vector>

#include "model/error_code.h"

namespace godwit::groups {

struct ListGroupsRequest {
  std::vector<std::string> states;  // upper or lower case; empty: all
  std::vector<std::string> types;   // the same; all groups here are "classic"
};

struct ListedGroup {
  std::string group;
  std::string protocol_type;
  std::string state;
  std::string type;
};

struct ListGroupsResponse {
  ErrorCode error = ErrorCode::none;
  std::vector<ListedGroup> groups;
};

}  // namespace godwit::groups
