// OffsetForLeaderEpoch (key 23): where a leader epoch ended in the leader's log, so that a follower or
// consumer can see whether it diverged.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct OffsetForLeaderEpochResponse;

struct OffsetForLeaderEpochRequest {
  static constexpr ApiKey kApi = ApiKey::offset_for_leader_epoch;
  static constexpr codec::Format kFormat{
      .name = "OffsetForLeaderEpochRequest", .versions = {2, 4}, .flexible_since = 4};
  using Response = OffsetForLeaderEpochResponse;

  struct Partition {
    PartitionIndex partition;
    LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
    LeaderEpoch leader_epoch;

    static void fields(auto& f) {
      f("partition", &Partition::partition);
      f("current_leader_epoch", &Partition::current_leader_epoch);
      f("leader_epoch", &Partition::leader_epoch);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string topic;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("topic", &Topic::topic);
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  BrokerId replica_id{-2};
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("replica_id", &OffsetForLeaderEpochRequest::replica_id, since(3).ignorable());
    f("topics", &OffsetForLeaderEpochRequest::topics);
  }
  friend bool operator==(const OffsetForLeaderEpochRequest&, const OffsetForLeaderEpochRequest&) = default;
};

struct OffsetForLeaderEpochResponse {
  static constexpr ApiKey kApi = ApiKey::offset_for_leader_epoch;
  static constexpr codec::Format kFormat{
      .name = "OffsetForLeaderEpochResponse", .versions = {2, 4}, .flexible_since = 4};

  struct Partition {
    ErrorCode error_code = ErrorCode::none;
    PartitionIndex partition;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    Offset end_offset{-1};

    static void fields(auto& f) {
      f("error_code", &Partition::error_code);
      f("partition", &Partition::partition);
      f("leader_epoch", &Partition::leader_epoch);
      f("end_offset", &Partition::end_offset);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string topic;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("topic", &Topic::topic);
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("throttle_time_ms", &OffsetForLeaderEpochResponse::throttle_time_ms);
    f("topics", &OffsetForLeaderEpochResponse::topics);
  }
  friend bool operator==(const OffsetForLeaderEpochResponse&, const OffsetForLeaderEpochResponse&) = default;
};

}  // namespace godwit::kafka
