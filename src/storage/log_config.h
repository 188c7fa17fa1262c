// The settings of a topic that its logs obey, under Kafka's names.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace godwit::storage {

struct LogConfig {
  // retention.ms, retention.bytes: -1 is without limit.
  int64_t retention_ms = 7LL * 24 * 3600 * 1000;
  int64_t retention_bytes = -1;
  // segment.bytes, segment.ms, segment.jitter.ms
  int64_t segment_bytes = 1 << 30;
  int64_t segment_ms = 7LL * 24 * 3600 * 1000;
  int64_t segment_jitter_ms = 0;
  // cleanup.policy: delete, compact, or both.
  bool cleanup_delete = true;
  bool cleanup_compact = false;
  int64_t delete_retention_ms = 24LL * 3600 * 1000;
  int64_t min_compaction_lag_ms = 0;
  int64_t max_compaction_lag_ms = INT64_MAX;
  double min_cleanable_dirty_ratio = 0.5;
  // Without meaning (index.interval.bytes has no effect), but in what is stored.
  int32_t index_interval_bytes = 4096;
  // How long a file that was taken out of the log stays for readers that still hold it: file.delete.delay.ms.
  int64_t file_delete_delay_ms = 60000;
  // message.timestamp.type=LogAppendTime
  bool log_append_time = false;
  // godwit's own `flush`: whether an acknowledgement waits for stable storage, or is given after a write that
  // survives the death of the process and is synced every flush_ms.
  enum class Flush { always, interval } flush = Flush::always;
  int64_t flush_ms = 1000;
  // producer.id.expiration.ms
  int64_t producer_expiration_ms = 24LL * 3600 * 1000;
  // Written by the broker itself: may use the ballast when the disk is full.
  bool internal = false;
  friend bool operator==(const LogConfig&, const LogConfig&) = default;
  static void fields(auto& f) {
    f("retention_ms", &LogConfig::retention_ms);
    f("retention_bytes", &LogConfig::retention_bytes);
    f("segment_bytes", &LogConfig::segment_bytes);
    f("segment_ms", &LogConfig::segment_ms);
    f("segment_jitter_ms", &LogConfig::segment_jitter_ms);
    f("cleanup_delete", &LogConfig::cleanup_delete);
    f("cleanup_compact", &LogConfig::cleanup_compact);
    f("delete_retention_ms", &LogConfig::delete_retention_ms);
    f("min_compaction_lag_ms", &LogConfig::min_compaction_lag_ms);
    f("max_compaction_lag_ms", &LogConfig::max_compaction_lag_ms);
    f("min_cleanable_dirty_ratio", &LogConfig::min_cleanable_dirty_ratio);
    f("index_interval_bytes", &LogConfig::index_interval_bytes);
    f("file_delete_delay_ms", &LogConfig::file_delete_delay_ms);
    f("log_append_time", &LogConfig::log_append_time);
    f("flush", &LogConfig::flush);
    f("flush_ms", &LogConfig::flush_ms);
    f("producer_expiration_ms", &LogConfig::producer_expiration_ms);
    f("internal", &LogConfig::internal);
  }
};

}  // namespace godwit::storage
