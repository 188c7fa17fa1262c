// A member of a group, as it stands now: what it asked for last, and which of its requests is parked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "groups/request.h"

namespace godwit::groups {

struct Member {
  uint64_t serial = 0;  // in order of arrival over all groups; names its session timer
  std::string id;
  std::optional<std::string> instance;
  std::string client_id;
  std::string client_host;
  int32_t rebalance_timeout_ms = 0;
  int32_t session_timeout_ms = 0;
  std::vector<GroupProtocol> protocols;  // most wanted first; after a load only the chosen one is known
  SharedBytes assignment;                // of the committed generation; empty until there is one

  RequestToken join = kNobody;  // its parked Join
  RequestToken sync = kNobody;  // its parked Sync
  // Its first Join has not been answered: it sends no heartbeats, so it may expire while parked.
  bool is_new = false;
  // Its client has been told the id. Until then a failure leaves nobody who could come back under it.
  bool knows_id = true;

  bool parked() const { return join != kNobody || sync != kNobody; }

  // Its metadata under `protocol`, or nullptr where it does not support that.
  const SharedBytes* metadata(std::string_view protocol) const {
    const auto it = std::find_if(protocols.begin(), protocols.end(),
                                 [&](const GroupProtocol& p) { return p.name == protocol; });
    return it == protocols.end() ? nullptr : &it->metadata;
  }
};

}  // namespace godwit::groups
