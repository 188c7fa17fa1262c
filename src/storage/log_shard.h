// The logs of one shard, with what they share: arena, rounds, descriptors, read buffers. Everything is called
// on that shard.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "runtime/sync.h"
#include "storage/arena.h"
#include "storage/compaction.h"
#include "storage/file_ids.h"
#include "storage/file_removal.h"
#include "storage/partition_log.h"
#include "storage/producer_search.h"
#include "storage/round_builder.h"
#include "storage/segment_file.h"
#include "storage/store_context.h"
#include "storage/write_back.h"

namespace godwit::storage {

// A flush.ms above this many milliseconds counts as this: what is not synced keeps its memory and its rounds in the journal.
constexpr int64_t kFlushMsMax = 60'000;

class LogShard {
 public:
  struct Parts {
    JournalRoom& journal;
    FileIdLots& file_ids;
    size_t arena_bytes;
    size_t arena_phase;
    size_t read_buffer_bytes;
    size_t open_files_max;
  };
  LogShard(StoreContext& context, runtime::Shard& shard, const Parts& parts);
  ~LogShard();

  // Starts the loops.
  void start();
  // Ends them, once nothing is under way.
  runtime::Task<void> stop();

  PartitionLog* find(const TopicPartition& id);
  runtime::Task<Served<Log*>> create(TopicPartition id, LogConfig config, Offset start);
  runtime::Task<Served<void>> drop(TopicPartition id);
  // Takes over a log that was recovered.
  PartitionLog& adopt(LogState state);
  // Forgets it again: it could not be loaded.
  void disown(const TopicPartition& id);
  // Those that are there now; they stay while they are held.
  std::vector<std::shared_ptr<PartitionLog>> logs() const;
  void end_writes();
  // Before the store closes, when nothing is admitted any more: all is synced, and flush=interval logs say so.
  runtime::Task<void> unmark_unsynced();

  // One pass of retention over all logs.
  runtime::Task<void> retain();

  // For the logs.
  StoreContext& context() { return context_; }
  const std::shared_ptr<Arena>& arena() { return arena_; }
  // For interval, open_relaxed() went before.
  RoundBuilder& rounds(LogConfig::Flush flush);
  // Makes sure that this shard can write to the journal of flush=interval topics; false when it cannot be had.
  runtime::Task<bool> open_relaxed();
  void use_relaxed(JournalRoom& journal);
  // The log has written what is not synced yet: it will be within its flush.ms, and the time that a sync takes.
  void unsynced(PartitionLog& log);
  // Somebody waits for it.
  void sync_relaxed_now();
  // Runs a task of a log until it ends.
  void spawn(runtime::Task<void> task) { (void)gate_.spawn(shard_, std::move(task)); }
  FileIds& file_ids() { return file_ids_; }
  FileCache& files() { return *files_; }
  const std::shared_ptr<ReadBuffers>& read_buffers() { return read_buffers_; }
  // The log has `bytes` more in memory, that are not in a file yet.
  void appended(PartitionLog& log, uint64_t bytes);
  // So many of them are in a file now, and their memory is a cache; or left with a part of the log.
  void written(PartitionLog& log, uint64_t bytes);
  void left_unwritten(uint64_t bytes) { write_back_.written(bytes); }
  // The largest block that a log should take which does not fill it: all that have appends have a quarter of the arena
  // together for what their last blocks do not hold yet.
  size_t block_bytes_max() const { return block_bytes_max_; }
  // Gives back cached blocks, oldest first, until about `bytes` are free. False when there was none.
  bool reclaim(size_t bytes);
  // Waits until memory or journal may have room again; false when the deadline came first.
  runtime::Task<bool> wait_room(MonotonicTime deadline);
  // Says that the journal lacks room, and waits until it may have some, a second or until `deadline` at most.
  runtime::Task<void> ask_for_room(std::optional<MonotonicTime> deadline = {});
  // Memory or journal space was freed.
  void room_made();
  // A file that left the log goes once the log's structure `version` is durable, and readers had time.
  void remove_file_when_durable(PartitionLog& log, FileId file, uint64_t version);

  // For the store.
  WriteBack& write_back() { return write_back_; }
  FileRemoval& removal() { return removal_; }
  Compaction& compaction() { return compaction_; }
  ProducerSearch& producer_search() { return producer_search_; }
  // See RoundBuilder.
  std::optional<Sequence> unsure_after(bool relaxed) const {
    if (!relaxed) return synced_rounds_.unsure_after();
    return relaxed_rounds_ ? relaxed_rounds_->unsure_after() : std::nullopt;
  }
  // Unwritten bytes above which write-back starts by itself.
  uint64_t write_back_threshold() const { return arena_bytes_ / 2; }
  // So many bytes at most are journalled again in a turn.
  uint64_t carried_bytes_max() const { return synced_rounds_.plan().carried_bytes_max; }

 private:
  StoreContext& context_;
  runtime::Shard& shard_;
  size_t arena_bytes_;
  std::shared_ptr<Arena> arena_;
  RoundBuilder synced_rounds_;
  std::unique_ptr<RoundBuilder> relaxed_rounds_;
  FileIds file_ids_;
  std::unique_ptr<FileCache> files_;
  std::shared_ptr<ReadBuffers> read_buffers_;
  WriteBack write_back_;
  FileRemoval removal_;
  Compaction compaction_;
  ProducerSearch producer_search_;
  std::unordered_map<TopicPartition, std::shared_ptr<PartitionLog>> logs_;
  runtime::Condition logs_changed_;
  runtime::Condition room_;
  // Logs whose memory could be dropped, the longest written first; logs with appends since the last sweep.
  runtime::List cached_;
  runtime::List recent_;
  size_t recent_count_ = 0;  // at least those that are in recent_
  size_t block_bytes_max_ = kBlockMax;
  void count_recent(size_t count);
  // Logs of the relaxed journal with something to sync, and when the first of them is due; set where there is one.
  runtime::List unsynced_;
  std::optional<MonotonicTime> sync_due_;
  runtime::Condition sync_wanted_;
  bool sync_now_ = false;
  runtime::Task<void> sync_relaxed();
  runtime::Task<void> sweep();
  runtime::Task<void> retain_regularly();
  runtime::Condition stop_;
  bool stopping_ = false;
  runtime::Gate gate_;
};

}  // namespace godwit::storage
