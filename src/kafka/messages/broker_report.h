// BrokerReport (godwit's own, key 30002): what a broker tells the controller of itself: that it joins and what its disk
// cannot prove (design-cluster rule 2), whether it can append (rule 13), that it is about to stop (controlled shutdown).
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct BrokerReportResponse;

struct BrokerReportRequest {
  static constexpr ApiKey kApi = ApiKey::broker_report;
  static constexpr codec::Format kFormat{
      .name = "BrokerReportRequest", .versions = {0, 0}, .flexible_since = 0};
  using Response = BrokerReportResponse;

  enum Kind : int8_t { kJoin = 0, kHealth = 1, kLeave = 2 };

  struct Unproven {
    TopicId topic;
    std::vector<PartitionIndex> partitions;

    static void fields(auto& f) {
      f("topic", &Unproven::topic);
      f("partitions", &Unproven::partitions);
    }
    friend bool operator==(const Unproven&, const Unproven&) = default;
  };

  // A log that followed a leader of which the controller's state knows nothing: the store is older than the log.
  struct LaterLog {
    TopicId topic;
    PartitionIndex partition;
    LeaderEpoch epoch;  // its latest
    Offset end;

    static void fields(auto& f) {
      f("topic", &LaterLog::topic);
      f("partition", &LaterLog::partition);
      f("epoch", &LaterLog::epoch);
      f("end", &LaterLog::end);
    }
    friend bool operator==(const LaterLog&, const LaterLog&) = default;
  };

  std::string cluster_id;
  BrokerId broker_id = kNoBroker;
  int64_t incarnation = -1;
  int8_t kind = kJoin;
  // With kJoin: its logs are all there, as far as they were reported synced, but for what `unproven` says. False: nothing is
  // there (an empty disk): every partition is unproven.
  bool has_logs = true;
  // With kJoin: of its data directory. Another one than that under which it joined last: as without logs. Older builds do not
  // say it.
  Uuid storage_id;
  std::vector<Unproven> unproven;
  // With kJoin and kHealth. Older builds do not say it.
  std::vector<LaterLog> later_logs;
  // With kJoin and kHealth: false hands its leadership over.
  bool can_append = true;

  static void fields(auto& f) {
    f("cluster_id", &BrokerReportRequest::cluster_id);
    f("broker_id", &BrokerReportRequest::broker_id);
    f("incarnation", &BrokerReportRequest::incarnation);
    f("kind", &BrokerReportRequest::kind);
    f("has_logs", &BrokerReportRequest::has_logs);
    f("unproven", &BrokerReportRequest::unproven);
    f("can_append", &BrokerReportRequest::can_append);
    f("storage_id", &BrokerReportRequest::storage_id, codec::always().tagged(0));
    f("later_logs", &BrokerReportRequest::later_logs, codec::always().tagged(1));
  }
  friend bool operator==(const BrokerReportRequest&, const BrokerReportRequest&) = default;
};

struct BrokerReportResponse {
  static constexpr ApiKey kApi = ApiKey::broker_report;
  static constexpr codec::Format kFormat{
      .name = "BrokerReportResponse", .versions = {0, 0}, .flexible_since = 0};

  // none; not_controller; inconsistent_cluster_id; stale_broker_epoch; request_timed_out (try again).
  ErrorCode error_code = ErrorCode::none;
  std::string message;
  // With kLeave: partitions that it still leads, since nobody else can.
  int32_t still_leading = 0;

  static void fields(auto& f) {
    f("error_code", &BrokerReportResponse::error_code);
    f("message", &BrokerReportResponse::message);
    f("still_leading", &BrokerReportResponse::still_leading);
  }
  friend bool operator==(const BrokerReportResponse&, const BrokerReportResponse&) = default;
};

}  // namespace godwit::kafka
