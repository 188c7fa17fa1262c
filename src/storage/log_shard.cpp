#include "storage/log_shard.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::storage {
namespace {

Duration flush_interval(const LogConfig& config) {
  return std::chrono::milliseconds(std::clamp<int64_t>(config.flush_ms, 1, kFlushMsMax));
}

}  // namespace

LogShard::LogShard(StoreContext& context, runtime::Shard& shard, const Parts& parts)
    : context_(context),
      shard_(shard),
      arena_bytes_(parts.arena_bytes),
      arena_(Arena::create(parts.arena_bytes)),
      synced_rounds_(parts.journal, context),
      file_ids_(parts.file_ids, context.runtime.shard(0)),
      files_(FileCache::create(context.runtime.files(), parts.open_files_max)),
      read_buffers_(ReadBuffers::create(parts.read_buffer_bytes)),
      write_back_(*this, context),
      removal_(context, *files_),
      compaction_(*this, context) {
  arena_->on_touch_soon([this](MutableBytes untouched) { context_.runtime.populate(untouched, arena_); },
                        parts.arena_phase);
}

LogShard::~LogShard() = default;

void LogShard::start() {
  synced_rounds_.on_room([this] { room_.notify_all(); });
  gate_.spawn(shard_, synced_rounds_.run());
  gate_.spawn(shard_, write_back_.run());
  gate_.spawn(shard_, removal_.run());
  gate_.spawn(shard_, compaction_.run());
  gate_.spawn(shard_, producer_search_.run());
  gate_.spawn(shard_, sweep());
  gate_.spawn(shard_, retain_regularly());
  for (const auto& [id, log] : logs_) log->seek_if_incomplete();
}

RoundBuilder& LogShard::rounds(LogConfig::Flush flush) {
  if (flush == LogConfig::Flush::always) return synced_rounds_;
  GW_CHECK(relaxed_rounds_ != nullptr, "the relaxed journal is opened before a log uses it");
  return *relaxed_rounds_;
}

void LogShard::use_relaxed(JournalRoom& journal) {
  if (relaxed_rounds_) return;
  relaxed_rounds_ = std::make_unique<RoundBuilder>(journal, context_);
  relaxed_rounds_->on_room([this] { room_.notify_all(); });
  gate_.spawn(shard_, relaxed_rounds_->run());
  gate_.spawn(shard_, sync_relaxed());
}

runtime::Task<bool> LogShard::open_relaxed() {
  if (relaxed_rounds_) co_return true;
  const auto opened = co_await context_.open_relaxed();
  if (!opened || stopping_) co_return false;
  use_relaxed(**opened);
  co_return true;
}

void LogShard::unsynced(PartitionLog& log) {
  if (!log.unsynced_hook.linked()) unsynced_.push_back(log.unsynced_hook);
  // One sync takes all of the list, so the earliest of their times is all there is to know. A log that is in it already may
  // have been given a shorter flush.ms.
  const MonotonicTime due = shard_.now() + flush_interval(log.config());
  if (sync_due_ && *sync_due_ <= due) return;
  sync_due_ = due;
  sync_wanted_.notify_all();
}

void LogShard::sync_relaxed_now() {
  if (std::exchange(sync_now_, true)) return;
  sync_wanted_.notify_all();
}

runtime::Task<void> LogShard::sync_relaxed() {
  while (!context_.failed) {
    if (unsynced_.empty()) {
      if (stopping_) co_return;
      sync_now_ = false;
      sync_due_.reset();
      co_await sync_wanted_.wait();
      continue;
    }
    if (!sync_now_ && !stopping_ && shard_.now() < *sync_due_) {
      (void)co_await sync_wanted_.wait_until(*sync_due_);
      continue;
    }
    sync_now_ = false;
    // What comes while the disk works waits for its own time, not for the end of this sync.
    sync_due_.reset();
    std::vector<std::pair<std::shared_ptr<PartitionLog>, PartitionLog::Unsynced>> taken;
    while (auto* const node = unsynced_.front()) {
      PartitionLog& log = static_cast<PartitionLog::Hook*>(node)->log;
      node->unlink();
      taken.emplace_back(log.shared_from_this(), log.unsynced());
    }
    const auto synced = co_await relaxed_rounds_->journal().sync();
    if (!synced) {
      if (synced.error().kind != ErrorKind::closed) context_.report_failure(synced.error().describe());
      co_return;
    }
    for (const auto& [log, what] : taken) log->set_synced(what);
  }
}

runtime::Task<void> LogShard::stop() {
  synced_rounds_.close();
  if (relaxed_rounds_) relaxed_rounds_->close();
  sync_wanted_.notify_all();
  write_back_.close();
  removal_.close();
  compaction_.close();
  producer_search_.close();
  stopping_ = true;
  stop_.notify_all();
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
      if (config.flush == LogConfig::Flush::interval && !co_await open_relaxed()) {
        co_return refuse(ErrorCode::kafka_storage_error,
                         "the journal of flush=interval topics cannot be opened");
      }
      const auto file = co_await file_ids_.next();
      if (!file) co_return refuse(ErrorCode::kafka_storage_error, file.error().describe());
      if (!rounds(config.flush).has_room_for_structure()) {
        co_await ask_for_room();
        continue;
      }
      if (logs_.contains(id)) continue;
      logs_.emplace(id, std::make_shared<PartitionLog>(*this, CreateLog{.head = {.topic = id.topic,
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
      if (log->failed())
        co_return refuse(ErrorCode::kafka_storage_error, "the data directory takes no writes");
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

void LogShard::disown(const TopicPartition& id) {
  const auto found = logs_.find(id);
  GW_CHECK(found != logs_.end(), "what is disowned was adopted");
  found->second->disown();
  logs_.erase(found);
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

void LogShard::appended(PartitionLog& log, uint64_t bytes) {
  log.appended_lately += bytes;
  if (!log.recent_hook.linked()) {
    recent_.push_back(log.recent_hook);
    count_recent(recent_count_ + 1);
  }
  write_back_.admitted(bytes);
  context_.metrics.appended_bytes.add(bytes);
}

void LogShard::written(PartitionLog& log, uint64_t bytes) {
  write_back_.written(bytes);
  context_.metrics.written_bytes.add(bytes);
  if (!log.dropped() && !log.cached_hook.linked()) cached_.push_back(log.cached_hook);
  room_.notify_all();
}

bool LogShard::reclaim(size_t bytes) {
  // More than asked, so that the next ones find some too; in whole blocks of the largest kind.
  const size_t wanted = std::max(bytes, 4 * kBlockMax);
  size_t given = 0;
  while (given < wanted) {
    auto* const node = cached_.front();
    if (node == nullptr) break;
    PartitionLog& log = static_cast<PartitionLog::Hook*>(node)->log;
    const size_t dropped = log.drop_cached(wanted - given);
    given += dropped;
    if (given < wanted) node->unlink();
  }
  return given > 0;
}

void LogShard::count_recent(size_t count) {
  recent_count_ = count;
  const size_t share = arena_bytes_ / 4 / std::max<size_t>(count, 1);
  block_bytes_max_ = kBlockMin;
  while (block_bytes_max_ < kBlockMax && block_bytes_max_ * 4 <= share) block_bytes_max_ *= 4;
}

runtime::Task<void> LogShard::sweep() {
  constexpr Duration kIdle = std::chrono::seconds(10);
  // Of a log with less in that time the blocks shrink to what is in them: they would take long to fill.
  constexpr uint64_t kTrickle = 64 << 10;
  // So much is worth a copy.
  constexpr size_t kSpareMin = 12 << 10;
  while (!stopping_) {
    if (co_await stop_.wait_until(runtime::Shard::current()->now() + kIdle)) continue;
    runtime::List still;
    size_t count = 0;
    while (auto* const node = recent_.front()) {
      PartitionLog& log = static_cast<PartitionLog::Hook*>(node)->log;
      node->unlink();
      const uint64_t appended = std::exchange(log.appended_lately, 0);
      bool idle = appended == 0;
      if (idle) {
        idle = log.shrink() && log.try_unmark_unsynced();
      } else if (appended < kTrickle && log.spare_memory() >= kSpareMin) {
        (void)log.shrink();
      }
      if (idle) continue;
      still.push_back(*node);
      ++count;
    }
    recent_.take_all(still);
    count_recent(count);
  }
}

runtime::Task<void> LogShard::unmark_unsynced() {
  std::vector<runtime::Task<void>> tasks;
  for (const auto& log : logs()) {
    if (log->marked_unsynced()) tasks.push_back(log->unmark_unsynced());
  }
  co_await runtime::when_all(std::move(tasks));
}

runtime::Task<void> LogShard::retain() {
  for (const auto& log : logs()) co_await log->retain(shard_.wall_now());
}

runtime::Task<void> LogShard::retain_regularly() {
  while (!stopping_) {
    if (co_await stop_.wait_until(shard_.now() + context_.options.retention_interval)) continue;
    co_await retain();
  }
}

runtime::Task<bool> LogShard::wait_room(MonotonicTime deadline) {
  write_back_.wake();
  co_return co_await room_.wait_until(deadline);
}

runtime::Task<void> LogShard::ask_for_room(std::optional<MonotonicTime> deadline) {
  constexpr Duration kAskAgain = std::chrono::seconds(1);
  context_.request_write_back();
  const MonotonicTime again = shard_.now() + kAskAgain;
  (void)co_await room_.wait_until(deadline ? std::min(*deadline, again) : again);
}

void LogShard::room_made() {
  synced_rounds_.room_made();
  if (relaxed_rounds_) relaxed_rounds_->room_made();
  room_.notify_all();
}

void LogShard::remove_file_when_durable(PartitionLog& log, FileId file, uint64_t version) {
  removal_.add(log.shared_from_this(), file, version);
}

}  // namespace godwit::storage
