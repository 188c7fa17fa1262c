#include "storage/partition_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "record/batch_edit.h"
#include "record/batches.h"
#include "storage/log_shard.h"

namespace godwit::storage {
namespace {

// Neighbouring batches become one entry of a round up to this size, so that a round can be cut between them.
constexpr uint64_t kNewsBytesMax = 256 << 10;

}  // namespace

PartitionLog::PartitionLog(LogShard& shard, CreateLog record)
    : shard_(shard), state_(created(record)), config_(record.config) {
  rounds_ = &shard_.rounds(state_.config.flush);
  stable_end_ = synced_end_ = state_.end;
  add_structure_news(1, EntryKind::create, encode_record(StructureRecord(std::move(record))));
}

PartitionLog::PartitionLog(LogShard& shard, LogState state)
    : shard_(shard), state_(std::move(state)), config_(state_.config) {
  rounds_ = &shard_.rounds(state_.config.flush);
  stable_end_ = synced_end_ = state_.end;
  stable_version_ = synced_version_ = state_.version;
  settle_seal();
}

PartitionLog::~PartitionLog() = default;

std::optional<ProducerClaim> PartitionLog::claim_of(const BatchHeader& header) {
  if (!header.has_producer_id() || header.base_sequence < 0) return std::nullopt;
  return ProducerClaim{header.producer_id, header.producer_epoch, header.base_sequence,
                       header.last_sequence()};
}

std::optional<Refusal> PartitionLog::refusal(bool publishing) const {
  if (dropping_) return Refusal{ErrorCode::unknown_topic_or_partition, "the partition was deleted"};
  const StoreContext& context = shard_.context();
  if (failed_ || context.failed) {
    return Refusal{ErrorCode::kafka_storage_error,
                   "a write to the data directory failed: it takes no more until the broker is restarted"};
  }
  if (context.closing) return Refusal{ErrorCode::kafka_storage_error, "the broker is shutting down"};
  if (publishing && !context.space_left && !config_.internal) {
    return Refusal{ErrorCode::kafka_storage_error, "the disk is nearly full"};
  }
  return std::nullopt;
}

Refusal PartitionLog::no_room() const {
  return {ErrorCode::kafka_storage_error,
          "no memory or journal space for the batch within its timeout: the disk is too slow for what is "
          "published"};
}

SegmentLive* PartitionLog::find_live(FileId file) {
  for (const auto& live : live_) {
    if (live->id == file) return live.get();
  }
  return nullptr;
}

const SegmentLive* PartitionLog::find_live(FileId file) const {
  return const_cast<PartitionLog*>(this)->find_live(file);
}

SegmentLive& PartitionLog::live(FileId file) {
  if (auto* found = find_live(file)) return *found;
  return *live_.emplace_back(std::make_unique<SegmentLive>(file));
}

void PartitionLog::forget_live(FileId file) {
  const auto found = std::ranges::find_if(live_, [&](const auto& l) { return l->id == file; });
  if (found == live_.end()) return;
  if (!under_way_.empty()) retired_.push_back(std::move(*found));
  live_.erase(found);
  // A remainder that waits to be carried needs that no more.
  std::erase_if(news_, [&](const News& item) {
    const auto* data = std::get_if<DataNews>(&item);
    return data != nullptr && data->carried && data->file == file;
  });
}

Tail& PartitionLog::active_tail() {
  SegmentLive& l = live(state_.active().id);
  if (!l.tail) {
    l.tail = std::make_unique<Tail>(shard_.arena(), state_.active().written);
    // After a start the file may have all there is.
    l.stable = l.synced = l.journalled = state_.active().written;
  }
  return *l.tail;
}

bool PartitionLog::roll_is_due(size_t batch_bytes, WallTime now) const {
  const SegmentState& active = state_.active();
  if (active.empty()) return false;
  if (active.end.value() + batch_bytes > static_cast<uint64_t>(config_.segment_bytes)) return true;
  // segment.jitter.ms: each file a little earlier, so that those that began together do not all roll together. Which of
  // them how much follows from the file's id (Fibonacci hashing).
  const int64_t jitter_max = std::min(config_.segment_jitter_ms, config_.segment_ms);
  const uint64_t mixed = active.id.value() * 0x9e3779b97f4a7c15U >> 32;
  const int64_t jitter = jitter_max > 0 ? static_cast<int64_t>(mixed % static_cast<uint64_t>(jitter_max)) : 0;
  // Compared by difference: segment.ms may be as large as its type allows.
  return active.first_append_ms >= 0 && now.ms - active.first_append_ms > config_.segment_ms - jitter;
}

bool PartitionLog::take_room(size_t bytes) {
  const auto use = config_.internal ? JournalRoom::For::internal_records : JournalRoom::For::records;
  if (!seal_held_) seal_held_ = rounds_->hold_seal();
  if (!seal_held_) return false;
  if (!rounds_->take_room(use, bytes)) {
    settle_seal();
    return false;
  }
  const size_t block_max = shard_.block_bytes_max();
  if (active_tail().reserve(bytes, block_max)) return true;
  if (shard_.reclaim(bytes) && active_tail().reserve(bytes, block_max)) return true;
  leave_room(bytes);
  return false;
}

void PartitionLog::leave_room(size_t bytes) {
  rounds_->give_back_room(bytes);
  settle_seal();
}

void PartitionLog::settle_seal() {
  const SegmentState& active = state_.active();
  const bool needed = active.end > active.written && !dropped_ && !disowned_;
  if (needed == seal_held_) return;
  if (needed) {
    rounds_->hold_seal_anyway();
  } else {
    rounds_->let_seal_go();
  }
  seal_held_ = needed;
}

runtime::Task<Served<void>> PartitionLog::wait_structure_room(std::optional<MonotonicTime> deadline) {
  for (;;) {
    if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
    if (rounds_->has_room_for_structure()) co_return {};
    const MonotonicTime now = runtime::Shard::current()->now();
    if (deadline && now >= *deadline) co_return tl::unexpected(no_room());
    co_await shard_.ask_for_room(deadline);
  }
}

std::optional<Refusal> PartitionLog::outdated(LeaderEpoch epoch) const {
  const LeaderEpoch needed = std::max(fence_, state_.epochs.latest().value_or(fence_));
  if (epoch >= needed) return std::nullopt;
  return Refusal{ErrorCode::fenced_leader_epoch,
                 fmt::format("leader epoch {} is over: epoch {} is known", epoch.value(), needed.value())};
}

runtime::Task<Served<void>> PartitionLog::make_room(size_t bytes, MonotonicTime deadline) {
  for (;;) {
    if (auto refused = refusal(true)) co_return tl::unexpected(std::move(*refused));
    if (bytes > rounds_->batch_bytes_max()) {
      co_return refuse(
          ErrorCode::record_list_too_large,
          fmt::format("a batch of {} bytes does not fit the journal, which takes {} (journal.file.bytes)",
                      bytes, rounds_->batch_bytes_max()));
    }
    if (take_room(bytes)) co_return {};
    if (!co_await shard_.wait_room(deadline)) {
      co_return tl::unexpected(no_room());
    }
  }
}

namespace {

// Of a batch for which all of its shard's memory is not enough: it would wait for what never comes, and all others for it. A
// block is left for what shares the first or the last one with it.
std::optional<Refusal> beyond_memory(size_t bytes, Arena& arena) {
  if (bytes <= kBlockMax) return std::nullopt;
  const size_t capacity = arena.usage().capacity;
  if (bytes + kBlockMax <= capacity) return std::nullopt;
  return Refusal{
      ErrorCode::message_too_large,
      fmt::format("a batch of {} bytes does not fit the {} bytes that its shard has of memory.arena: "
                  "memory.arena must be larger",
                  bytes, capacity)};
}

}  // namespace

runtime::Task<Served<Appended>> PartitionLog::append(MutableBytes batch, AppendContext context) {
  const auto self = shared_from_this();
  const auto parsed = BatchHeader::parse(batch);
  if (!parsed) co_return refuse(ErrorCode::corrupt_message, parsed.error().message);
  GW_CHECK(parsed->total_size() == batch.size(), "one whole batch is appended");
  if (auto refused = beyond_memory(batch.size(), *shard_.arena()))
    co_return tl::unexpected(std::move(*refused));
  co_await turn_.acquire(1);
  const Turn turn(turn_);
  if (auto refused = refusal(true)) co_return tl::unexpected(std::move(*refused));
  if (auto refused = outdated(context.epoch)) co_return tl::unexpected(std::move(*refused));
  if (const auto claim = claim_of(*parsed)) {
    if (state_.producers_incomplete) {
      if (auto rebuilt = co_await rebuild_producers(); !rebuilt)
        co_return tl::unexpected(std::move(rebuilt.error()));
      if (auto refused = refusal(true)) co_return tl::unexpected(std::move(*refused));
    }
    const auto verdict = state_.producers.check(*claim);
    if (verdict.error != ErrorCode::none) {
      co_return refuse(verdict.error, fmt::format("producer {} epoch {}: sequence {} does not follow",
                                                  claim->producer_id, claim->epoch, claim->first_sequence));
    }
    if (verdict.duplicate_of) {
      co_return Appended{.base_offset = verdict.duplicate_of->first_offset,
                         .last_offset = verdict.duplicate_of->last_offset,
                         .log_append_time_ms = config_.log_append_time ? verdict.duplicate_of->timestamp : -1,
                         .log_start = state_.start,
                         .duplicate = true};
    }
  }
  if (batch.size() > static_cast<uint64_t>(config_.segment_bytes)) {
    co_return refuse(
        ErrorCode::record_list_too_large,
        fmt::format("a batch of {} bytes does not fit a segment of {}", batch.size(), config_.segment_bytes));
  }
  if (needs_mark()) {
    if (auto marked = co_await mark_unsynced(context.deadline); !marked) {
      co_return tl::unexpected(std::move(marked.error()));
    }
  }
  if (roll_is_due(batch.size(), context.now)) {
    if (auto rolled = co_await roll_in_turn(context.deadline); !rolled) {
      co_return tl::unexpected(std::move(rolled.error()));
    }
  }
  if (auto room = co_await make_room(batch.size(), context.deadline); !room) {
    co_return tl::unexpected(std::move(room.error()));
  }
  // It may have waited, and a new leader's records may follow here by now.
  if (auto refused = outdated(context.epoch)) {
    leave_room(batch.size());
    co_return tl::unexpected(std::move(*refused));
  }
  stamp(batch, state_.end, context.epoch);
  if (config_.log_append_time) set_log_append_time(batch, context.now.ms);
  const BatchHeader header = BatchHeader::load(batch);
  admit_batch(batch, header, context.now);
  co_return Appended{.base_offset = header.base_offset,
                     .last_offset = header.last_offset(),
                     .log_append_time_ms = config_.log_append_time ? context.now.ms : -1,
                     .log_start = state_.start,
                     .duplicate = false};
}

runtime::Task<Served<void>> PartitionLog::append_replicated(BytesView batches, WallTime now,
                                                            MonotonicTime deadline) {
  const auto self = shared_from_this();
  co_await turn_.acquire(1);
  const Turn turn(turn_);
  // This broker led in an epoch in which it wrote nothing, and follows a leader whose records of before it has not got: an epoch
  // without records says nothing about any.
  const auto first = BatchHeader::parse(batches);
  const auto& epochs = state_.epochs.starts();
  if (first && !epochs.empty() && epochs.back().start >= state_.end &&
      first->leader_epoch < epochs.back().epoch) {
    if (auto refused = refusal(true)) co_return tl::unexpected(std::move(*refused));
    if (auto cut = co_await truncate_in_turn(state_.end); !cut) co_return cut;
  }
  // Everything is looked at before anything is admitted.
  Offset expected = state_.end;
  LeaderEpoch epoch = state_.epochs.latest().value_or(kNoLeaderEpoch);
  const auto checked =
      for_each_batch(batches, {}, [&](const BatchView& batch, size_t position) -> Result<void> {
        const BatchHeader& header = batch.header();
        if (header.base_offset < expected || header.leader_epoch < epoch) {
          return fail(
              ErrorKind::corrupt,
              fmt::format("the batch at byte {} (offset {}, epoch {}) does not follow offset {}, epoch {}",
                          position, header.base_offset.value(), header.leader_epoch.value(), expected.value(),
                          epoch.value()));
        }
        expected = header.next_offset();
        epoch = header.leader_epoch;
        return {};
      });
  if (!checked) co_return refuse(ErrorCode::corrupt_message, checked.error().message);
  if (needs_mark()) {
    if (auto marked = co_await mark_unsynced(deadline); !marked) {
      co_return tl::unexpected(std::move(marked.error()));
    }
  }
  BatchSplitter splitter(batches, {.check_crc = false});
  while (!splitter.done()) {
    const auto batch = splitter.next();
    GW_CHECK(batch.has_value(), "what was checked can be split");
    if (auto refused = refusal(true)) co_return tl::unexpected(std::move(*refused));
    if (auto refused = beyond_memory(batch->bytes().size(), *shard_.arena()))
      co_return tl::unexpected(std::move(*refused));
    if (roll_is_due(batch->bytes().size(), now)) {
      if (auto rolled = co_await roll_in_turn(deadline); !rolled) {
        co_return tl::unexpected(std::move(rolled.error()));
      }
    }
    if (auto room = co_await make_room(batch->bytes().size(), deadline); !room) {
      co_return tl::unexpected(std::move(room.error()));
    }
    admit_batch(batch->bytes(), batch->header(), now);
  }
  co_return {};
}

void PartitionLog::admit_batch(BytesView batch, const BatchHeader& header, WallTime now) {
  SegmentState& active = state_.active();
  GW_CHECK(header.base_offset >= state_.end, "an offset is handed out once");
  Tail& tail = active_tail();
  GW_CHECK(tail.end() == active.end, "the tail ends where its file will");
  const Position from = active.end;
  tail.append(batch);
  DataNews news{.version = state_.version,
                .before = state_.end,
                .file = active.id,
                .file_base = active.base,
                .from = from,
                .to = from + batch.size(),
                .next = header.next_offset(),
                .epoch = header.leader_epoch,
                .timestamp_max = header.max_timestamp_ms,
                .now_ms = now.ms,
                .charged = JournalRoom::charge(batch.size())};
  if (header.leader_epoch > state_.epochs.latest().value_or(kNoLeaderEpoch)) {
    state_.epochs.begin(header.leader_epoch, header.base_offset);
  }
  if (const auto claim = claim_of(header)) {
    state_.producers.record(*claim, header.base_offset, header.last_offset(), header.max_timestamp_ms,
                            now.ms);
  }
  // A follower of a compacted log is given gaps; who reads the file must know.
  if (header.base_offset > state_.end && !std::exchange(active.compacted, true))
    live(active.id).reader.reset();
  active.end = news.to;
  active.next = state_.end = news.next;
  active.timestamp_max = std::max(active.timestamp_max, header.max_timestamp_ms);
  if (active.first_append_ms < 0) active.first_append_ms = now.ms;
  live(active.id).note(info_of(active), from, header, batch);
  shard_.appended(*this, batch.size());

  if (!news_.empty()) {
    if (auto* last = std::get_if<DataNews>(&news_.back());
        last != nullptr && !last->carried && last->file == news.file && last->to == news.from &&
        last->epoch == news.epoch && last->version == news.version && news.to - last->from <= kNewsBytesMax) {
      last->to = news.to;
      last->next = news.next;
      last->charged += news.charged;
      last->timestamp_max = std::max(last->timestamp_max, news.timestamp_max);
      rounds_->mark(*this);
      return;
    }
  }
  add_news(news);
}

RecordHead PartitionLog::next_head() const {
  return {.topic = state_.id.topic,
          .partition = state_.id.partition,
          .incarnation = state_.incarnation,
          .version = state_.version + 1,
          .end = state_.end};
}

void PartitionLog::add_structure_news(uint64_t version, EntryKind kind, Bytes meta) {
  const size_t bytes = meta.size();
  rounds_->take_room_anyway(bytes);
  add_news(StructureNews{version, kind, std::move(meta), JournalRoom::charge(bytes)});
}

void PartitionLog::add_news(News news) {
  news_.push_back(std::move(news));
  rounds_->mark(*this);
}

void PartitionLog::set_high_watermark(Offset offset) {
  state_.high_watermark = std::clamp(offset, state_.start, end());
}

Log::Stats PartitionLog::stats() const {
  Stats stats;
  stats.segments = state_.segments.size();
  for (const SegmentState& s : state_.segments) {
    stats.disk_bytes += s.written.value();
    stats.unwritten_bytes += s.end - s.written;
  }
  stats.memory_bytes = sizeof *this + state_.segments.capacity() * sizeof(SegmentState);
  for (const auto& l : live_) {
    stats.memory_bytes += sizeof *l + (l->index ? l->index->memory() : 0) + (l->tail ? l->tail->memory() : 0);
  }
  return stats;
}

}  // namespace godwit::storage
