// OffsetCommit (key 8): stores the offsets that a group has reached. v5 drops the retention time; v6 has
// leader epochs; v7 static members; v9 the member epoch of KIP-848; v10 topic ids.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct OffsetCommitResponse;

struct OffsetCommitRequest {
  static constexpr ApiKey kApi = ApiKey::offset_commit;
  static constexpr codec::Format kFormat{
      .name = "OffsetCommitRequest", .versions = {2, 10}, .flexible_since = 8};
  using Response = OffsetCommitResponse;

  struct Partition {
    PartitionIndex partition_index;
    Offset committed_offset;
    LeaderEpoch committed_leader_epoch = kNoLeaderEpoch;
    std::optional<std::string> committed_metadata = "";

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("committed_offset", &Partition::committed_offset);
      f("committed_leader_epoch", &Partition::committed_leader_epoch, since(6).ignorable());
      f("committed_metadata", &Partition::committed_metadata);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    TopicId topic_id;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("name", &Topic::name, versions(0, 9).ignorable());
      f("topic_id", &Topic::topic_id, since(10).ignorable());
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::string group_id;
  // -1 with an empty member id: a commit without membership.
  int32_t generation_id_or_member_epoch = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  int64_t retention_time_ms = -1;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("group_id", &OffsetCommitRequest::group_id);
    f("generation_id_or_member_epoch", &OffsetCommitRequest::generation_id_or_member_epoch);
    f("member_id", &OffsetCommitRequest::member_id);
    f("group_instance_id", &OffsetCommitRequest::group_instance_id, since(7));
    f("retention_time_ms", &OffsetCommitRequest::retention_time_ms, versions(0, 4).ignorable());
    f("topics", &OffsetCommitRequest::topics);
  }
  friend bool operator==(const OffsetCommitRequest&, const OffsetCommitRequest&) = default;
};

struct OffsetCommitResponse {
  static constexpr ApiKey kApi = ApiKey::offset_commit;
  static constexpr codec::Format kFormat{
      .name = "OffsetCommitResponse", .versions = {2, 10}, .flexible_since = 8};

  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::none;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("error_code", &Partition::error_code);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    TopicId topic_id;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("name", &Topic::name, versions(0, 9).ignorable());
      f("topic_id", &Topic::topic_id, since(10).ignorable());
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("throttle_time_ms", &OffsetCommitResponse::throttle_time_ms, since(3).ignorable());
    f("topics", &OffsetCommitResponse::topics);
  }
  friend bool operator==(const OffsetCommitResponse&, const OffsetCommitResponse&) = default;
};

}  // namespace godwit::kafka
