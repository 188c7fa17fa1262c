// DeleteRecords (key 21): removes all records of partitions before an offset (-1: before the high watermark).
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DeleteRecordsResponse;

struct DeleteRecordsRequest {
  static constexpr ApiKey kApi = ApiKey::delete_records;
  static constexpr codec::Format kFormat{
      .name = "DeleteRecordsRequest", .versions = {0, 2}, .flexible_since = 2};
  using Response = DeleteRecordsResponse;

  struct Partition {
    PartitionIndex partition_index;
    // -1: the high watermark.
    Offset offset;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("offset", &Partition::offset);
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

  std::vector<Topic> topics;
  int32_t timeout_ms = 0;

  static void fields(auto& f) {
    f("topics", &DeleteRecordsRequest::topics);
    f("timeout_ms", &DeleteRecordsRequest::timeout_ms);
  }
  friend bool operator==(const DeleteRecordsRequest&, const DeleteRecordsRequest&) = default;
};

struct DeleteRecordsResponse {
  static constexpr ApiKey kApi = ApiKey::delete_records;
  static constexpr codec::Format kFormat{
      .name = "DeleteRecordsResponse", .versions = {0, 2}, .flexible_since = 2};

  struct Partition {
    PartitionIndex partition_index;
    Offset low_watermark;
    ErrorCode error_code = ErrorCode::none;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("low_watermark", &Partition::low_watermark);
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

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("throttle_time_ms", &DeleteRecordsResponse::throttle_time_ms);
    f("topics", &DeleteRecordsResponse::topics);
  }
  friend bool operator==(const DeleteRecordsResponse&, const DeleteRecordsResponse&) = default;
};

}  // namespace godwit::kafka
