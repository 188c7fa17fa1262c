// DescribeTopicPartitions (key 75): like Metadata for single topics, in pieces.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DescribeTopicPartitionsResponse;

// Where a listing that was cut short goes on.
struct TopicPartitionCursor {
  std::string topic_name;
  PartitionIndex partition_index;

  static void fields(auto& f) {
    f("topic_name", &TopicPartitionCursor::topic_name);
    f("partition_index", &TopicPartitionCursor::partition_index);
  }
  friend bool operator==(const TopicPartitionCursor&, const TopicPartitionCursor&) = default;
};

struct DescribeTopicPartitionsRequest {
  static constexpr ApiKey kApi = ApiKey::describe_topic_partitions;
  static constexpr codec::Format kFormat{
      .name = "DescribeTopicPartitionsRequest", .versions = {0, 0}, .flexible_since = 0};
  using Response = DescribeTopicPartitionsResponse;

  struct Topic {
    std::string name;

    static void fields(auto& f) { f("name", &Topic::name); }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> topics;
  int32_t response_partition_limit = 2000;
  std::optional<TopicPartitionCursor> cursor;

  static void fields(auto& f) {
    f("topics", &DescribeTopicPartitionsRequest::topics);
    f("response_partition_limit", &DescribeTopicPartitionsRequest::response_partition_limit);
    f("cursor", &DescribeTopicPartitionsRequest::cursor);
  }
  friend bool operator==(const DescribeTopicPartitionsRequest&,
                         const DescribeTopicPartitionsRequest&) = default;
};

struct DescribeTopicPartitionsResponse {
  static constexpr ApiKey kApi = ApiKey::describe_topic_partitions;
  static constexpr codec::Format kFormat{
      .name = "DescribeTopicPartitionsResponse", .versions = {0, 0}, .flexible_since = 0};

  struct Partition {
    ErrorCode error_code = ErrorCode::none;
    PartitionIndex partition_index;
    BrokerId leader_id;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    std::vector<BrokerId> replica_nodes;
    std::vector<BrokerId> isr_nodes;
    std::optional<std::vector<BrokerId>> eligible_leader_replicas;
    std::optional<std::vector<BrokerId>> last_known_elr;
    std::vector<BrokerId> offline_replicas;

    static void fields(auto& f) {
      f("error_code", &Partition::error_code);
      f("partition_index", &Partition::partition_index);
      f("leader_id", &Partition::leader_id);
      f("leader_epoch", &Partition::leader_epoch);
      f("replica_nodes", &Partition::replica_nodes);
      f("isr_nodes", &Partition::isr_nodes);
      f("eligible_leader_replicas", &Partition::eligible_leader_replicas);
      f("last_known_elr", &Partition::last_known_elr);
      f("offline_replicas", &Partition::offline_replicas);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> name = "";
    TopicId topic_id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    int32_t topic_authorized_operations = kOperationsNotRequested;

    static void fields(auto& f) {
      f("error_code", &Topic::error_code);
      f("name", &Topic::name);
      f("topic_id", &Topic::topic_id);
      f("is_internal", &Topic::is_internal);
      f("partitions", &Topic::partitions);
      f("topic_authorized_operations", &Topic::topic_authorized_operations);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  std::optional<TopicPartitionCursor> next_cursor;

  static void fields(auto& f) {
    f("throttle_time_ms", &DescribeTopicPartitionsResponse::throttle_time_ms);
    f("topics", &DescribeTopicPartitionsResponse::topics);
    f("next_cursor", &DescribeTopicPartitionsResponse::next_cursor);
  }
  friend bool operator==(const DescribeTopicPartitionsResponse&,
                         const DescribeTopicPartitionsResponse&) = default;
};

}  // namespace godwit::kafka
