// AlterPartition (key 56): the leader of partitions asks the controller to change their in-sync replicas (KIP-497; the
// incarnation of each member: KIP-903). Between brokers.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct AlterPartitionResponse;

struct AlterPartitionRequest {
  static constexpr ApiKey kApi = ApiKey::alter_partition;
  static constexpr codec::Format kFormat{
      .name = "AlterPartitionRequest", .versions = {3, 3}, .flexible_since = 0};
  using Response = AlterPartitionResponse;

  struct Member {
    BrokerId broker_id = kNoBroker;
    int64_t broker_epoch = -1;  // its incarnation, as the leader knows it

    static void fields(auto& f) {
      f("broker_id", &Member::broker_id);
      f("broker_epoch", &Member::broker_epoch);
    }
    friend bool operator==(const Member&, const Member&) = default;
  };

  struct Partition {
    PartitionIndex partition_index;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    std::vector<Member> new_isr_with_epochs;
    int8_t leader_recovery_state = 0;
    int32_t partition_epoch = 0;  // the version of the partition's state that the change is made of

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("leader_epoch", &Partition::leader_epoch);
      f("new_isr_with_epochs", &Partition::new_isr_with_epochs);
      f("leader_recovery_state", &Partition::leader_recovery_state);
      f("partition_epoch", &Partition::partition_epoch);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    TopicId topic_id;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("topic_id", &Topic::topic_id);
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  BrokerId broker_id = kNoBroker;
  int64_t broker_epoch = -1;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("broker_id", &AlterPartitionRequest::broker_id);
    f("broker_epoch", &AlterPartitionRequest::broker_epoch);
    f("topics", &AlterPartitionRequest::topics);
  }
  friend bool operator==(const AlterPartitionRequest&, const AlterPartitionRequest&) = default;
};

struct AlterPartitionResponse {
  static constexpr ApiKey kApi = ApiKey::alter_partition;
  static constexpr codec::Format kFormat{
      .name = "AlterPartitionResponse", .versions = {3, 3}, .flexible_since = 0};

  struct Partition {
    PartitionIndex partition_index;
    // none; not_controller; fenced_leader_epoch; invalid_update_version (the state has another version by now);
    // ineligible_replica (a member is dead or has another incarnation); unknown_topic_id; invalid_request.
    ErrorCode error_code = ErrorCode::none;
    BrokerId leader_id = kNoBroker;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    std::vector<BrokerId> isr;
    int8_t leader_recovery_state = 0;
    int32_t partition_epoch = 0;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("error_code", &Partition::error_code);
      f("leader_id", &Partition::leader_id);
      f("leader_epoch", &Partition::leader_epoch);
      f("isr", &Partition::isr);
      f("leader_recovery_state", &Partition::leader_recovery_state);
      f("partition_epoch", &Partition::partition_epoch);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    TopicId topic_id;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("topic_id", &Topic::topic_id);
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("throttle_time_ms", &AlterPartitionResponse::throttle_time_ms);
    f("error_code", &AlterPartitionResponse::error_code);
    f("topics", &AlterPartitionResponse::topics);
  }
  friend bool operator==(const AlterPartitionResponse&, const AlterPartitionResponse&) = default;
};

}  // namespace godwit::kafka
