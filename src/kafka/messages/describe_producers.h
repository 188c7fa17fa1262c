// DescribeProducers (key 61): the producers that a partition remembers.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DescribeProducersResponse;

struct DescribeProducersRequest {
  static constexpr ApiKey kApi = ApiKey::describe_producers;
  static constexpr codec::Format kFormat{
      .name = "DescribeProducersRequest", .versions = {0, 0}, .flexible_since = 0};
  using Response = DescribeProducersResponse;

  struct Topic {
    std::string name;
    std::vector<PartitionIndex> partition_indexes;

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("partition_indexes", &Topic::partition_indexes);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> topics;

  static void fields(auto& f) { f("topics", &DescribeProducersRequest::topics); }
  friend bool operator==(const DescribeProducersRequest&, const DescribeProducersRequest&) = default;
};

struct DescribeProducersResponse {
  static constexpr ApiKey kApi = ApiKey::describe_producers;
  static constexpr codec::Format kFormat{
      .name = "DescribeProducersResponse", .versions = {0, 0}, .flexible_since = 0};

  struct Producer {
    int64_t producer_id = 0;
    int32_t producer_epoch = 0;
    int32_t last_sequence = -1;
    int64_t last_timestamp = -1;
    int32_t coordinator_epoch = 0;
    Offset current_txn_start_offset{-1};

    static void fields(auto& f) {
      f("producer_id", &Producer::producer_id);
      f("producer_epoch", &Producer::producer_epoch);
      f("last_sequence", &Producer::last_sequence);
      f("last_timestamp", &Producer::last_timestamp);
      f("coordinator_epoch", &Producer::coordinator_epoch);
      f("current_txn_start_offset", &Producer::current_txn_start_offset);
    }
    friend bool operator==(const Producer&, const Producer&) = default;
  };

  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message;
    std::vector<Producer> active_producers;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("error_code", &Partition::error_code);
      f("error_message", &Partition::error_message);
      f("active_producers", &Partition::active_producers);
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
    f("throttle_time_ms", &DescribeProducersResponse::throttle_time_ms);
    f("topics", &DescribeProducersResponse::topics);
  }
  friend bool operator==(const DescribeProducersResponse&, const DescribeProducersResponse&) = default;
};

}  // namespace godwit::kafka
