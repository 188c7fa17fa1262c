// Where a partition's leader is now, told beside an error so that the client need not ask Metadata (KIP-951).
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct CurrentLeader {
  BrokerId leader_id = kNoBroker;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;

  static void fields(auto& f) {
    f("leader_id", &CurrentLeader::leader_id);
    f("leader_epoch", &CurrentLeader::leader_epoch);
  }
  friend bool operator==(const CurrentLeader&, const CurrentLeader&) = default;
};

// How to reach a broker that a CurrentLeader names.
struct NodeEndpoint {
  BrokerId node_id;
  std::string host;
  int32_t port = 0;
  std::optional<std::string> rack;

  static void fields(auto& f) {
    f("node_id", &NodeEndpoint::node_id);
    f("host", &NodeEndpoint::host);
    f("port", &NodeEndpoint::port);
    f("rack", &NodeEndpoint::rack);
  }
  friend bool operator==(const NodeEndpoint&, const NodeEndpoint&) = default;
};

}  // namespace godwit::kafka
