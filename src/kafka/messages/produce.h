// Produce (key 0): appends record batches to partitions, one batch a partition. With acks 0 there is no
// response at all. v7 allows zstd; v8 answers with the records at fault; v10 hints at the new leader
// (KIP-951); v13 names topics by id.
#pragma once

#include "kafka/message.h"
#include "kafka/messages/current_leader.h"

namespace godwit::kafka {

struct ProduceResponse;

struct ProduceRequest {
  static constexpr ApiKey kApi = ApiKey::produce;
  static constexpr codec::Format kFormat{.name = "ProduceRequest", .versions = {3, 13}, .flexible_since = 9};
  using Response = ProduceResponse;

  struct Partition {
    PartitionIndex index;
    std::optional<SharedBytes> records;

    static void fields(auto& f) {
      f("index", &Partition::index);
      f("records", &Partition::records);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    TopicId topic_id;
    std::vector<Partition> partition_data;

    static void fields(auto& f) {
      f("name", &Topic::name, versions(0, 12).ignorable());
      f("topic_id", &Topic::topic_id, since(13).ignorable());
      f("partition_data", &Topic::partition_data);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::optional<std::string> transactional_id;
  // -1: all in-sync replicas, 1: the leader, 0: no answer wanted.
  int16_t acks = 0;
  int32_t timeout_ms = 0;
  std::vector<Topic> topic_data;

  static void fields(auto& f) {
    f("transactional_id", &ProduceRequest::transactional_id);
    f("acks", &ProduceRequest::acks);
    f("timeout_ms", &ProduceRequest::timeout_ms);
    f("topic_data", &ProduceRequest::topic_data);
  }
  friend bool operator==(const ProduceRequest&, const ProduceRequest&) = default;
};

struct ProduceResponse {
  static constexpr ApiKey kApi = ApiKey::produce;
  static constexpr codec::Format kFormat{.name = "ProduceResponse", .versions = {3, 13}, .flexible_since = 9};

  struct RecordError {
    int32_t batch_index = 0;
    std::optional<std::string> batch_index_error_message;

    static void fields(auto& f) {
      f("batch_index", &RecordError::batch_index);
      f("batch_index_error_message", &RecordError::batch_index_error_message);
    }
    friend bool operator==(const RecordError&, const RecordError&) = default;
  };

  struct Partition {
    PartitionIndex index;
    ErrorCode error_code = ErrorCode::none;
    Offset base_offset;
    // -1 unless the topic stamps records on arrival.
    int64_t log_append_time_ms = -1;
    Offset log_start_offset{-1};
    std::vector<RecordError> record_errors;
    std::optional<std::string> error_message;
    CurrentLeader current_leader;

    static void fields(auto& f) {
      f("index", &Partition::index);
      f("error_code", &Partition::error_code);
      f("base_offset", &Partition::base_offset);
      f("log_append_time_ms", &Partition::log_append_time_ms);
      f("log_start_offset", &Partition::log_start_offset, since(5).ignorable());
      f("record_errors", &Partition::record_errors, since(8).ignorable());
      f("error_message", &Partition::error_message, since(8).ignorable());
      f("current_leader", &Partition::current_leader, since(10).tagged(0).ignorable());
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    TopicId topic_id;
    std::vector<Partition> partition_responses;

    static void fields(auto& f) {
      f("name", &Topic::name, versions(0, 12).ignorable());
      f("topic_id", &Topic::topic_id, since(13).ignorable());
      f("partition_responses", &Topic::partition_responses);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> responses;
  int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints;

  static void fields(auto& f) {
    f("responses", &ProduceResponse::responses);
    f("throttle_time_ms", &ProduceResponse::throttle_time_ms);
    f("node_endpoints", &ProduceResponse::node_endpoints, since(10).tagged(0).ignorable());
  }
  friend bool operator==(const ProduceResponse&, const ProduceResponse&) = default;
};

}  // namespace godwit::kafka
