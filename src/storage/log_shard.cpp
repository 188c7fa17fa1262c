#include "storage/log_shard.h"

#include "base/check.h"

namespace godwit::storage {

LogShard::LogShard(StoreContext& context, runtime::Shard& shard, const Parts& parts)
    : context_(context),
      shard_(shard),
      arena_(Arena::create(parts.arena_bytes)),
      synced_rounds_(parts.journal, context, parts.round_bytes_max, parts.journal_reserve),
      relaxed_rounds_(parts.relaxed, context, parts.round_bytes_max, parts.journal_reserve),
      file_ids_(parts.file_ids, context.runtime.shard(0)),
      files_(FileCache::create(context.runtime.files(), parts.open_files_max)),
      read_buffers_(ReadBuffers::create(parts.read_buffer_bytes)) {}

LogShard::~LogShard() = default;

void LogShard::start() {
  gate_.spawn(shard_, synced_rounds_.run());
  gate_.spawn(shard_, relaxed_rounds_.run());
}

runtime::Task<void> LogShard::stop() {
  synced_rounds_.close();
  relaxed_rounds_.close();
  room_.notify_all();
  co_await gate_.close();
}

PartitionLog* LogShard::find(const TopicPartition& id) {
  const auto found = logs_.find(id);
  return found == logs_.end() || found->second->dropping() ? nullptr : found->second.get();
}

runtime::Task<Served<Log*>> LogShard::create(TopicPartition id, LogConfig config, Offset start) {
  for (;;) {
    const auto found = logs_.find(id);
    if (found == logs_.end()) {
      if (context_.failed || context_.closing) {
        co_return refuse(ErrorCode::kafka_storage_error, "the data directory takes no writes");
      }
      const auto file = co_await file_ids_.next();
      if (!file) co_return refuse(ErrorCode::kafka_storage_error, file.error().describe());
      if (logs_.contains(id)) continue;
      logs_.emplace(id, std::make_shared<PartitionLog>(
                            *this, CreateLog{.head = {.topic = id.topic,
                                                      .partition = id.partition,
                                                      .incarnation = *file,
                                                      .version = 1,
                                                      .end = start},
                                             .file = *file,
                                             .start = start,
                                             .config = config}));
      continue;
    }
    const std::shared_ptr<PartitionLog> log = found->second;
    if (log->dropping()) {
      // The old one's end is journalled before the new one's beginning.
      if (log->failed()) co_return refuse(ErrorCode::kafka_storage_error, "the data directory takes no writes");
      co_await logs_changed_.wait();
      continue;
    }
    log->set_config(config);
    if (auto durable = co_await log->make_durable(); !durable) co_return tl::unexpected(durable.error());
    co_return log.get();
  }
}

runtime::Task<Served<void>> LogShard::drop(TopicPartition id) {
  const auto found = logs_.find(id);
  if (found == logs_.end()) co_return {};
  const std::shared_ptr<PartitionLog> log = found->second;
  auto dropped = co_await log->drop();
  if (dropped) {
    const auto now = logs_.find(id);
    if (now != logs_.end() && now->second == log) logs_.erase(now);
  }
  logs_changed_.notify_all();
  co_return dropped;
}

PartitionLog& LogShard::adopt(LogState state) {
  const TopicPartition id = state.id;
  const auto [entry, fresh] = logs_.emplace(id, std::make_shared<PartitionLog>(*this, std::move(state)));
  GW_CHECK(fresh, "a log is recovered once");
  return *entry->second;
}

std::vector<std::shared_ptr<PartitionLog>> LogShard::logs() const {
  std::vector<std::shared_ptr<PartitionLog>> all;
  all.reserve(logs_.size());
  for (const auto& [id, log] : logs_) all.push_back(log);
  return all;
}

void LogShard::end_writes() {
  for (const auto& log : logs()) log->end_writes();
  room_.notify_all();
  logs_changed_.notify_all();
}

void LogShard::appended(PartitionLog&) {}

bool LogShard::reclaim(size_t) {
  return false;
}

runtime::Task<bool> LogShard::wait_room(MonotonicTime deadline) {
  context_.request_write_back();
  co_return co_await room_.wait_until(deadline);
}

void LogShard::room_made() {
  synced_rounds_.room_made();
  relaxed_rounds_.room_made();
  room_.notify_all();
}

void LogShard::remove_file_when_durable(PartitionLog&, const SegmentState&, uint64_t) {}

}  // namespace godwit::storage
