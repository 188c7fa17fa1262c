// BrokerProbe (godwit's own, key 30003): is this the broker that it was, and does it make progress (design-cluster rules 11
// and 14)?
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct BrokerProbeResponse;

struct BrokerProbeRequest {
  static constexpr ApiKey kApi = ApiKey::broker_probe;
  static constexpr codec::Format kFormat{
      .name = "BrokerProbeRequest", .versions = {0, 0}, .flexible_since = 0};
  using Response = BrokerProbeResponse;

  std::string cluster_id;

  static void fields(auto& f) { f("cluster_id", &BrokerProbeRequest::cluster_id); }
  friend bool operator==(const BrokerProbeRequest&, const BrokerProbeRequest&) = default;
};

struct BrokerProbeResponse {
  static constexpr ApiKey kApi = ApiKey::broker_probe;
  static constexpr codec::Format kFormat{
      .name = "BrokerProbeResponse", .versions = {0, 0}, .flexible_since = 0};

  ErrorCode error_code = ErrorCode::none;  // none, inconsistent_cluster_id
  BrokerId broker_id = kNoBroker;
  int64_t incarnation = -1;
  bool healthy = false;  // every shard's loop and the disk made progress lately
  BrokerId controller = kNoBroker;

  static void fields(auto& f) {
    f("error_code", &BrokerProbeResponse::error_code);
    f("broker_id", &BrokerProbeResponse::broker_id);
    f("incarnation", &BrokerProbeResponse::incarnation);
    f("healthy", &BrokerProbeResponse::healthy);
    f("controller", &BrokerProbeResponse::controller);
  }
  friend bool operator==(const BrokerProbeResponse&, const BrokerProbeResponse&) = default;
};

}  // namespace godwit::kafka
