// What a store counts.
#pragma once

#include "metrics/registry.h"

namespace godwit::storage {

struct StorageMetrics {
  explicit StorageMetrics(metrics::Registry& registry)
      : appended_bytes(
            registry.counter("godwit_storage_appended_bytes_total", "bytes of batches admitted to logs")),
        written_bytes(registry.counter("godwit_storage_segment_written_bytes_total",
                                       "bytes written to segment files from memory")),
        checkpoints(registry.counter("godwit_storage_checkpoints_total", "checkpoints written")),
        compactions(registry.counter("godwit_storage_compactions_total", "logs compacted")),
        journal_used(
            registry.gauge("godwit_storage_journal_used_bytes", "bytes in journal files that are not free")),
        journal_capacity(
            registry.gauge("godwit_storage_journal_capacity_bytes", "bytes of all journal files")),
        unwritten(registry.gauge("godwit_storage_unwritten_bytes",
                                 "bytes of logs that are in memory and journal alone")),
        writable(registry.gauge("godwit_storage_writable", "0 after a failed write, until restart")),
        space_left(registry.gauge("godwit_storage_space_left", "0 while the disk is nearly full")) {
    writable.set(1);
    space_left.set(1);
  }

  metrics::Counter& appended_bytes;
  metrics::Counter& written_bytes;
  metrics::Counter& checkpoints;
  metrics::Counter& compactions;
  metrics::Gauge& journal_used;
  metrics::Gauge& journal_capacity;
  metrics::Gauge& unwritten;
  metrics::Gauge& writable;
  metrics::Gauge& space_left;
};

}  // namespace godwit::storage
