// OffsetFetch (key 9): reads the offsets that groups have stored. Up to v7 one group; from v8 on several.
// Topics are null for all. v7 can insist on stable offsets (KIP-447); v10 names topics by id.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct OffsetFetchResponse;

struct OffsetFetchRequest {
  static constexpr ApiKey kApi = ApiKey::offset_fetch;
  static constexpr codec::Format kFormat{
      .name = "OffsetFetchRequest", .versions = {1, 10}, .flexible_since = 6};
  using Response = OffsetFetchResponse;

  struct Topic {
    std::string name;
    std::vector<PartitionIndex> partition_indexes;

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("partition_indexes", &Topic::partition_indexes);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  struct GroupTopic {
    std::string name;
    TopicId topic_id;
    std::vector<PartitionIndex> partition_indexes;

    static void fields(auto& f) {
      f("name", &GroupTopic::name, versions(0, 9).ignorable());
      f("topic_id", &GroupTopic::topic_id, since(10).ignorable());
      f("partition_indexes", &GroupTopic::partition_indexes);
    }
    friend bool operator==(const GroupTopic&, const GroupTopic&) = default;
  };

  struct Group {
    std::string group_id;
    std::optional<std::string> member_id;
    int32_t member_epoch = -1;
    std::optional<std::vector<GroupTopic>> topics{std::in_place};

    static void fields(auto& f) {
      f("group_id", &Group::group_id);
      f("member_id", &Group::member_id, since(9).ignorable());
      f("member_epoch", &Group::member_epoch, since(9).ignorable());
      f("topics", &Group::topics);
    }
    friend bool operator==(const Group&, const Group&) = default;
  };

  std::string group_id;
  std::optional<std::vector<Topic>> topics{std::in_place};
  std::vector<Group> groups;
  bool require_stable = false;

  static void fields(auto& f) {
    f("group_id", &OffsetFetchRequest::group_id, versions(0, 7));
    f("topics", &OffsetFetchRequest::topics, versions(0, 7).nullable_since(2));
    f("groups", &OffsetFetchRequest::groups, since(8));
    f("require_stable", &OffsetFetchRequest::require_stable, since(7));
  }
  friend bool operator==(const OffsetFetchRequest&, const OffsetFetchRequest&) = default;
};

struct OffsetFetchResponse {
  static constexpr ApiKey kApi = ApiKey::offset_fetch;
  static constexpr codec::Format kFormat{
      .name = "OffsetFetchResponse", .versions = {1, 10}, .flexible_since = 6};

  struct Partition {
    PartitionIndex partition_index;
    Offset committed_offset;
    LeaderEpoch committed_leader_epoch = kNoLeaderEpoch;
    std::optional<std::string> metadata = "";
    ErrorCode error_code = ErrorCode::none;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("committed_offset", &Partition::committed_offset);
      f("committed_leader_epoch", &Partition::committed_leader_epoch, since(5).ignorable());
      f("metadata", &Partition::metadata);
      f("error_code", &Partition::error_code);
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

  struct GroupTopic {
    std::string name;
    TopicId topic_id;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("name", &GroupTopic::name, versions(0, 9).ignorable());
      f("topic_id", &GroupTopic::topic_id, since(10).ignorable());
      f("partitions", &GroupTopic::partitions);
    }
    friend bool operator==(const GroupTopic&, const GroupTopic&) = default;
  };

  struct Group {
    std::string group_id;
    std::vector<GroupTopic> topics;
    ErrorCode error_code = ErrorCode::none;

    static void fields(auto& f) {
      f("group_id", &Group::group_id);
      f("topics", &Group::topics);
      f("error_code", &Group::error_code);
    }
    friend bool operator==(const Group&, const Group&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  ErrorCode error_code = ErrorCode::none;
  std::vector<Group> groups;

  static void fields(auto& f) {
    f("throttle_time_ms", &OffsetFetchResponse::throttle_time_ms, since(3).ignorable());
    f("topics", &OffsetFetchResponse::topics, versions(0, 7));
    f("error_code", &OffsetFetchResponse::error_code, versions(2, 7).ignorable());
    f("groups", &OffsetFetchResponse::groups, since(8));
  }
  friend bool operator==(const OffsetFetchResponse&, const OffsetFetchResponse&) = default;
};

}  // namespace godwit::kafka
