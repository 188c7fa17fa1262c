// ElectLeaders (key 43): elects leaders: the preferred replica, or a replica that is not in sync (data may be
// lost).
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct ElectLeadersResponse;

struct ElectLeadersRequest {
  static constexpr ApiKey kApi = ApiKey::elect_leaders;
  static constexpr codec::Format kFormat{
      .name = "ElectLeadersRequest", .versions = {0, 2}, .flexible_since = 2};
  using Response = ElectLeadersResponse;

  struct Topic {
    std::string topic;
    std::vector<PartitionIndex> partitions;

    static void fields(auto& f) {
      f("topic", &Topic::topic);
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  // 0: preferred, 1: unclean.
  int8_t election_type = 0;
  std::optional<std::vector<Topic>> topic_partitions{std::in_place};
  int32_t timeout_ms = 60000;

  static void fields(auto& f) {
    f("election_type", &ElectLeadersRequest::election_type, since(1));
    f("topic_partitions", &ElectLeadersRequest::topic_partitions);
    f("timeout_ms", &ElectLeadersRequest::timeout_ms);
  }
  friend bool operator==(const ElectLeadersRequest&, const ElectLeadersRequest&) = default;
};

struct ElectLeadersResponse {
  static constexpr ApiKey kApi = ApiKey::elect_leaders;
  static constexpr codec::Format kFormat{
      .name = "ElectLeadersResponse", .versions = {0, 2}, .flexible_since = 2};

  struct Partition {
    PartitionIndex partition_id;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = "";

    static void fields(auto& f) {
      f("partition_id", &Partition::partition_id);
      f("error_code", &Partition::error_code);
      f("error_message", &Partition::error_message);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string topic;
    std::vector<Partition> partition_result;

    static void fields(auto& f) {
      f("topic", &Topic::topic);
      f("partition_result", &Topic::partition_result);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<Topic> replica_election_results;

  static void fields(auto& f) {
    f("throttle_time_ms", &ElectLeadersResponse::throttle_time_ms);
    f("error_code", &ElectLeadersResponse::error_code, since(1));
    f("replica_election_results", &ElectLeadersResponse::replica_election_results);
  }
  friend bool operator==(const ElectLeadersResponse&, const ElectLeadersResponse&) = default;
};

}  // namespace godwit::kafka
