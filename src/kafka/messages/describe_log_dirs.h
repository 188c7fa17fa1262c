// DescribeLogDirs (key 35): log directories of a broker, and the size of each replica in them.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DescribeLogDirsResponse;

struct DescribeLogDirsRequest {
  static constexpr ApiKey kApi = ApiKey::describe_log_dirs;
  static constexpr codec::Format kFormat{
      .name = "DescribeLogDirsRequest", .versions = {1, 5}, .flexible_since = 2};
  using Response = DescribeLogDirsResponse;

  struct Topic {
    std::string topic;
    std::vector<PartitionIndex> partitions;

    static void fields(auto& f) {
      f("topic", &Topic::topic);
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::optional<std::vector<Topic>> topics{std::in_place};

  static void fields(auto& f) { f("topics", &DescribeLogDirsRequest::topics); }
  friend bool operator==(const DescribeLogDirsRequest&, const DescribeLogDirsRequest&) = default;
};

struct DescribeLogDirsResponse {
  static constexpr ApiKey kApi = ApiKey::describe_log_dirs;
  static constexpr codec::Format kFormat{
      .name = "DescribeLogDirsResponse", .versions = {1, 5}, .flexible_since = 2};

  struct Partition {
    PartitionIndex partition_index;
    int64_t partition_size = 0;
    int64_t offset_lag = 0;  // committed records that this replica lacks; -1: not known
    bool is_future_key = false;

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("partition_size", &Partition::partition_size);
      f("offset_lag", &Partition::offset_lag);
      f("is_future_key", &Partition::is_future_key);
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

  struct LogDir {
    ErrorCode error_code = ErrorCode::none;
    std::string log_dir;
    std::vector<Topic> topics;
    int64_t total_bytes = -1;
    int64_t usable_bytes = -1;
    bool is_cordoned = false;

    static void fields(auto& f) {
      f("error_code", &LogDir::error_code);
      f("log_dir", &LogDir::log_dir);
      f("topics", &LogDir::topics);
      f("total_bytes", &LogDir::total_bytes, since(4).ignorable());
      f("usable_bytes", &LogDir::usable_bytes, since(4).ignorable());
      f("is_cordoned", &LogDir::is_cordoned, since(5).ignorable());
    }
    friend bool operator==(const LogDir&, const LogDir&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<LogDir> results;

  static void fields(auto& f) {
    f("throttle_time_ms", &DescribeLogDirsResponse::throttle_time_ms);
    f("error_code", &DescribeLogDirsResponse::error_code, since(3).ignorable());
    f("results", &DescribeLogDirsResponse::results);
  }
  friend bool operator==(const DescribeLogDirsResponse&, const DescribeLogDirsResponse&) = default;
};

}  // namespace godwit::kafka
