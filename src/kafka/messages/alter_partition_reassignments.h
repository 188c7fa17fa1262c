// AlterPartitionReassignments (key 45): moves partitions to other replicas, or cancels that.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct AlterPartitionReassignmentsResponse;

struct AlterPartitionReassignmentsRequest {
  static constexpr ApiKey kApi = ApiKey::alter_partition_reassignments;
  static constexpr codec::Format kFormat{
      .name = "AlterPartitionReassignmentsRequest", .versions = {0, 1}, .flexible_since = 0};
  using Response = AlterPartitionReassignmentsResponse;

  struct Partition {
    PartitionIndex partition_index;
    std::optional<std::vector<BrokerId>> replicas;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("replicas", &Partition::replicas);
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

  int32_t timeout_ms = 60000;
  bool allow_replication_factor_change = true;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("timeout_ms", &AlterPartitionReassignmentsRequest::timeout_ms);
    f("allow_replication_factor_change", &AlterPartitionReassignmentsRequest::allow_replication_factor_change,
      since(1));
    f("topics", &AlterPartitionReassignmentsRequest::topics);
  }
  friend bool operator==(const AlterPartitionReassignmentsRequest&,
                         const AlterPartitionReassignmentsRequest&) = default;
};

struct AlterPartitionReassignmentsResponse {
  static constexpr ApiKey kApi = ApiKey::alter_partition_reassignments;
  static constexpr codec::Format kFormat{
      .name = "AlterPartitionReassignmentsResponse", .versions = {0, 1}, .flexible_since = 0};

  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = "";

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("error_code", &Partition::error_code);
      f("error_message", &Partition::error_message);
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
  bool allow_replication_factor_change = true;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message = "";
  std::vector<Topic> responses;

  static void fields(auto& f) {
    f("throttle_time_ms", &AlterPartitionReassignmentsResponse::throttle_time_ms);
    f("allow_replication_factor_change",
      &AlterPartitionReassignmentsResponse::allow_replication_factor_change, since(1).ignorable());
    f("error_code", &AlterPartitionReassignmentsResponse::error_code);
    f("error_message", &AlterPartitionReassignmentsResponse::error_message);
    f("responses", &AlterPartitionReassignmentsResponse::responses);
  }
  friend bool operator==(const AlterPartitionReassignmentsResponse&,
                         const AlterPartitionReassignmentsResponse&) = default;
};

}  // namespace godwit::kafka
