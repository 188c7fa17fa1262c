// OffsetDelete (key 47): deletes stored offsets of a group for partitions that it is not subscribed to.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct OffsetDeleteResponse;

struct OffsetDeleteRequest {
  static constexpr ApiKey kApi = ApiKey::offset_delete;
  static constexpr codec::Format kFormat{.name = "OffsetDeleteRequest", .versions = {0, 0}};
  using Response = OffsetDeleteResponse;

  struct Partition {
    PartitionIndex partition_index;

    static void fields(auto& f) { f("partition_index", &Partition::partition_index); }
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

  std::string group_id;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("group_id", &OffsetDeleteRequest::group_id);
    f("topics", &OffsetDeleteRequest::topics);
  }
  friend bool operator==(const OffsetDeleteRequest&, const OffsetDeleteRequest&) = default;
};

struct OffsetDeleteResponse {
  static constexpr ApiKey kApi = ApiKey::offset_delete;
  static constexpr codec::Format kFormat{.name = "OffsetDeleteResponse", .versions = {0, 0}};

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
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("name", &Topic::name);
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  ErrorCode error_code = ErrorCode::none;
  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static void fields(auto& f) {
    f("error_code", &OffsetDeleteResponse::error_code);
    f("throttle_time_ms", &OffsetDeleteResponse::throttle_time_ms);
    f("topics", &OffsetDeleteResponse::topics);
  }
  friend bool operator==(const OffsetDeleteResponse&, const OffsetDeleteResponse&) = default;
};

}  // namespace godwit::kafka
