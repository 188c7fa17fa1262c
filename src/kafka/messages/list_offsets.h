// ListOffsets (key 2): finds the offset of a time, or the first or last offset. v2 knows the isolation level;
// v4 leader epochs; v7 the largest timestamp (KIP-734); v8 to v11 offsets of tiered storage.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct ListOffsetsResponse;

struct ListOffsetsRequest {
  static constexpr ApiKey kApi = ApiKey::list_offsets;
  static constexpr codec::Format kFormat{
      .name = "ListOffsetsRequest", .versions = {1, 11}, .flexible_since = 6};
  using Response = ListOffsetsResponse;

  struct Partition {
    PartitionIndex partition_index;
    LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
    // Milliseconds, or -1 latest, -2 earliest, -3 of the largest timestamp, -4 earliest local,
    // -5 latest tiered, -6 earliest not yet tiered.
    int64_t timestamp = 0;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("current_leader_epoch", &Partition::current_leader_epoch, since(4).ignorable());
      f("timestamp", &Partition::timestamp);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  BrokerId replica_id;
  // 0: read uncommitted, 1: read committed.
  int8_t isolation_level = 0;
  std::vector<Topic> topics;
  int32_t timeout_ms = 0;

  static void fields(auto& f) {
    f("replica_id", &ListOffsetsRequest::replica_id);
    f("isolation_level", &ListOffsetsRequest::isolation_level, since(2));
    f("topics", &ListOffsetsRequest::topics);
    f("timeout_ms", &ListOffsetsRequest::timeout_ms, since(10).ignorable());
  }
  friend bool operator==(const ListOffsetsRequest&, const ListOffsetsRequest&) = default;
};

struct ListOffsetsResponse {
  static constexpr ApiKey kApi = ApiKey::list_offsets;
  static constexpr codec::Format kFormat{
      .name = "ListOffsetsResponse", .versions = {1, 11}, .flexible_since = 6};

  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::none;
    int64_t timestamp = -1;
    Offset offset{-1};
    LeaderEpoch leader_epoch = kNoLeaderEpoch;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("error_code", &Partition::error_code);
      f("timestamp", &Partition::timestamp);
      f("offset", &Partition::offset);
      f("leader_epoch", &Partition::leader_epoch, since(4));
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("throttle_time_ms", &ListOffsetsResponse::throttle_time_ms, since(2).ignorable());
    f("topics", &ListOffsetsResponse::topics);
  }
  friend bool operator==(const ListOffsetsResponse&, const ListOffsetsResponse&) = default;
};

}  // namespace godwit::kafka
