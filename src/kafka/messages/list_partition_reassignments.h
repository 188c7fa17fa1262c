// ListPartitionReassignments (key 46): the reassignments under way.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct ListPartitionReassignmentsResponse;

struct ListPartitionReassignmentsRequest {
  static constexpr ApiKey kApi = ApiKey::list_partition_reassignments;
  static constexpr codec::Format kFormat{
      .name = "ListPartitionReassignmentsRequest", .versions = {0, 0}, .flexible_since = 0};
  using Response = ListPartitionReassignmentsResponse;

  struct Topic {
    std::string name;
    std::vector<PartitionIndex> partition_indexes;

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("partition_indexes", &Topic::partition_indexes);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t timeout_ms = 60000;
  std::optional<std::vector<Topic>> topics;

  static void fields(auto& f) {
    f("timeout_ms", &ListPartitionReassignmentsRequest::timeout_ms);
    f("topics", &ListPartitionReassignmentsRequest::topics);
  }
  friend bool operator==(const ListPartitionReassignmentsRequest&,
                         const ListPartitionReassignmentsRequest&) = default;
};

struct ListPartitionReassignmentsResponse {
  static constexpr ApiKey kApi = ApiKey::list_partition_reassignments;
  static constexpr codec::Format kFormat{
      .name = "ListPartitionReassignmentsResponse", .versions = {0, 0}, .flexible_since = 0};

  struct Partition {
    PartitionIndex partition_index;
    std::vector<BrokerId> replicas;
    std::vector<BrokerId> adding_replicas;
    std::vector<BrokerId> removing_replicas;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("replicas", &Partition::replicas);
      f("adding_replicas", &Partition::adding_replicas);
      f("removing_replicas", &Partition::removing_replicas);
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
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message = "";
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("throttle_time_ms", &ListPartitionReassignmentsResponse::throttle_time_ms);
    f("error_code", &ListPartitionReassignmentsResponse::error_code);
    f("error_message", &ListPartitionReassignmentsResponse::error_message);
    f("topics", &ListPartitionReassignmentsResponse::topics);
  }
  friend bool operator==(const ListPartitionReassignmentsResponse&,
                         const ListPartitionReassignmentsResponse&) = default;
};

}  // namespace godwit::kafka
