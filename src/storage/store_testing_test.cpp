#include "storage/store_testing.h"

#include "record/batches.h"
#include "record/record_reader.h"

namespace godwit::storage::store_test {

StoreOptions small_options() {
  StoreOptions options;
  options.directory = kDirectory;
  options.arena_bytes = 8 << 20;
  options.read_buffer_bytes = 4 << 20;
  options.journal_file_bytes = 1 << 20;
  options.journal_files = 4;
  options.reserve_bytes = 0;
  options.ballast_bytes = 0;
  return options;
}

Task<Result<std::shared_ptr<OpenStore>>> open_store(runtime::sim::Node& node, StoreOptions options) {
  auto open = std::make_shared<OpenStore>();
  node.keep(open);
  auto opened = co_await Store::open(options, node, open->diagnostics, open->metrics);
  if (!opened) co_return fail(opened.error());
  open->store = std::move(*opened);
  co_return open;
}

Task<std::shared_ptr<OpenStore>> opened_store(runtime::sim::Node& node, StoreOptions options) {
  auto open = co_await open_store(node, std::move(options));
  if (!open) check_failed(__FILE__, __LINE__, "the store opens", open.error().describe());
  co_return *open;
}

TopicPartition partition(int32_t index, uint8_t topic) {
  TopicPartition id;
  id.topic.bytes[3] = std::byte{topic};
  id.topic.bytes[15] = std::byte{topic};
  id.partition = PartitionIndex(index);
  return id;
}

Bytes batch_of(const std::vector<std::string>& texts, const Producer& producer, int64_t timestamp_ms) {
  BatchBuilder builder({.producer_id = producer.id,
                        .producer_epoch = producer.id < 0 ? kNoProducerEpoch : producer.epoch,
                        .base_sequence = producer.id < 0 ? kNoSequence : producer.sequence});
  for (const auto& text : texts) builder.add({.timestamp_ms = timestamp_ms, .value = as_bytes(text)});
  auto batch = builder.build();
  GW_CHECK(batch.has_value(), "a batch of texts can be built");
  return std::move(*batch);
}

Task<Served<Appended>> append_texts(Log& log, std::vector<std::string> texts, LeaderEpoch epoch,
                                    Producer* producer, int64_t timestamp_ms) {
  Bytes batch = batch_of(texts, producer == nullptr ? Producer{} : *producer, timestamp_ms);
  auto& shard = *runtime::Shard::current();
  auto appended =
      co_await log.append(batch, {.epoch = epoch, .now = shard.wall_now(), .deadline = shard.now() + 30s});
  if (appended && producer != nullptr) producer->sequence += static_cast<int32_t>(texts.size());
  co_return appended;
}

Task<ErrorCode> publish(Log& log, std::vector<std::string> texts, LeaderEpoch epoch) {
  auto appended = co_await append_texts(log, std::move(texts), epoch);
  if (!appended) co_return appended.error().code;
  co_return co_await log.wait_stable(appended->last_offset + 1, runtime::Shard::current()->now() + 30s);
}

Task<std::vector<std::string>> read_texts(Log& log, Offset from, size_t step) {
  std::vector<std::string> texts;
  while (from < log.end()) {
    auto read = co_await log.read({.from = from, .bytes_max = step, .end = log.end()});
    if (!read) {
      texts.push_back("error: " + read.error().message);
      co_return texts;
    }
    const Bytes bytes = read->batches.flatten();
    auto walked = for_each_batch(bytes, {}, [&](const BatchView& batch, size_t) -> Result<void> {
      auto reader = RecordReader::open(batch);
      if (!reader) return fail(reader.error());
      Record record;
      for (;;) {
        auto more = reader->next(record);
        if (!more) return fail(more.error());
        if (!*more) return {};
        if (record.offset >= from) {
          texts.push_back(to_string(record.offset) + "=" + std::string(as_text(*record.value)));
        }
      }
    });
    if (!walked) texts.push_back("error: " + walked.error().message);
    if (read->next <= from) {
      texts.push_back("error: the read did not advance");
      co_return texts;
    }
    from = read->next;
  }
  co_return texts;
}

void run(runtime::sim::Node& node, runtime::sim::Main body) {
  ASSERT_TRUE(node.run(std::move(body)));
}

}  // namespace godwit::storage::store_test
