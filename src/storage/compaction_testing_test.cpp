#include "storage/compaction_testing.h"

#include "record/batches.h"
#include "record/record_reader.h"

namespace godwit::storage::store_test {

LogConfig compacted_config() {
  LogConfig config;
  config.cleanup_delete = false;
  config.cleanup_compact = true;
  config.min_cleanable_dirty_ratio = 0;
  config.delete_retention_ms = 10'000;
  config.file_delete_delay_ms = 0;
  config.segment_bytes = 2500;
  return config;
}

Task<Served<Appended>> put(Log& log, std::vector<KeyValue> records, Producer producer) {
  auto& shard = *runtime::Shard::current();
  BatchBuilder builder({.producer_id = producer.id,
                        .producer_epoch = producer.id < 0 ? kNoProducerEpoch : producer.epoch,
                        .base_sequence = producer.id < 0 ? kNoSequence : producer.sequence});
  for (const auto& record : records) {
    builder.add({.timestamp_ms = shard.wall_now().ms,
                 .key = as_bytes(record.key),
                 .value = record.value ? std::optional(as_bytes(*record.value)) : std::nullopt});
  }
  Bytes batch = *builder.build();
  auto appended = co_await log.append(
      batch, {.epoch = LeaderEpoch(0), .now = shard.wall_now(), .deadline = shard.now() + 30s});
  if (appended) (void)co_await log.wait_stable(appended->last_offset + 1, shard.now() + 30s);
  co_return appended;
}

namespace {
std::string first_part(std::string_view text) {
  return std::string(text.substr(0, text.find('.')));
}
}  // namespace

Task<std::vector<std::string>> contents(Log& log) {
  std::vector<std::string> found;
  Offset from = log.start();
  while (from < log.end()) {
    auto read = co_await log.read({.from = from, .bytes_max = 500, .end = log.end()});
    if (!read) {
      found.push_back("error: " + read.error().message);
      co_return found;
    }
    const Bytes bytes = read->batches.flatten();
    (void)for_each_batch(bytes, {}, [&](const BatchView& batch, size_t) -> Result<void> {
      auto reader = RecordReader::open(batch);
      Record record;
      while (reader && *reader->next(record)) {
        std::string line = to_string(record.offset) + ":" + std::string(as_text(*record.key));
        if (record.value) line += "=" + first_part(as_text(*record.value));
        found.push_back(line);
      }
      return {};
    });
    if (read->next <= from) {
      found.push_back("stuck");
      co_return found;
    }
    from = read->next;
  }
  co_return found;
}

std::string wide(std::string text) {
  return text + std::string(800, '.');
}

Task<void> compact(Store& store, Log& log) {
  EXPECT_TRUE((co_await log.roll()).has_value());
  EXPECT_TRUE((co_await store.checkpoint()).has_value());
  log.set_high_watermark(log.end());
  co_await store.run_compaction();
}

}  // namespace godwit::storage::store_test
