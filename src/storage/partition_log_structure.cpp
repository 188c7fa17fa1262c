// What changes a log's structure. Each takes the log's turn, so that nothing is admitted meanwhile, admits
// one record, and answers when it is durable.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "storage/log_shard.h"
#include "storage/partition_log.h"
#include "storage/retention.h"

namespace godwit::storage {

void PartitionLog::admit_structure(StructureRecord record) {
  const uint64_t unwritten_before = unwritten_bytes();
  head_of(record) = next_head();
  add_structure_news(state_.version + 1, kind_of(record), encode_record(record));
  const auto removed = apply_record(state_, record);
  if (std::holds_alternative<TruncateLog>(record) || std::holds_alternative<RestartLog>(record) ||
      std::holds_alternative<RepairRange>(record)) {
    ++rewrites_;
  }
  seek_if_incomplete();
  stable_end_ = std::min(stable_end_, state_.end);
  synced_end_ = std::min(synced_end_, state_.end);
  for (const SegmentState& segment : removed) {
    forget_live(segment.id);
    // What never had a byte has no file; but for what compaction wrote. Where nothing is written yet one may be there all
    // the same: its first write is under way, or found no space.
    if (!segment.empty() || segment.compacted) {
      shard_.remove_file_when_durable(*this, segment.id, state_.version);
    }
  }
  for (const SegmentState& segment : state_.segments) {
    SegmentLive* const l = find_live(segment.id);
    if (l == nullptr || !l->tail) continue;
    if (l->tail->end() > segment.end) {
      // A truncation: what the file has already is cut off by the seal.
      if (segment.end < l->tail->first() || segment.end <= l->tail->written()) {
        l->tail.reset();
      } else {
        l->tail->cut(segment.end);
      }
      l->index.reset();
      l->stable = std::min(l->stable, segment.end);
      l->synced = std::min(l->synced, segment.end);
      l->journalled = std::min(l->journalled, segment.end);
      if (segment.written == segment.end) l->marks.clear();
    }
  }
  for (const auto& l : live_) {
    const SegmentState* const segment = state_.find(l->id);
    if (segment != nullptr) tell_reader(*segment, *l);
  }
  shard_.left_unwritten(unwritten_before - std::min(unwritten_before, unwritten_bytes()));
  settle_seal();
}

runtime::Task<Served<void>> PartitionLog::make_durable() {
  const auto self = shared_from_this();
  co_return co_await wait_structure(1);
}

runtime::Task<Served<void>> PartitionLog::roll_in_turn(std::optional<MonotonicTime> deadline) {
  const auto file = co_await shard_.file_ids().next();
  if (!file) co_return refuse(ErrorCode::kafka_storage_error, file.error().describe());
  if (auto room = co_await wait_structure_room(deadline); !room) co_return room;
  // Write-back may have rolled meanwhile.
  if (state_.active().empty()) co_return {};
  admit_structure(RollSegment{.head = {}, .file = *file, .sealed_end = state_.active().end});
  co_return {};
}

runtime::Task<Served<void>> PartitionLog::roll() {
  const auto self = shared_from_this();
  uint64_t version = 0;
  {
    co_await turn_.acquire(1);
    const Turn turn(turn_);
    if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
    if (!state_.active().empty()) {
      if (auto rolled = co_await roll_in_turn(); !rolled) co_return rolled;
    }
    version = state_.version;
  }
  co_return co_await wait_structure(version);
}

runtime::Task<Served<void>> PartitionLog::begin_epoch(LeaderEpoch epoch) {
  const auto self = shared_from_this();
  uint64_t version = 0;
  {
    co_await turn_.acquire(1);
    const Turn turn(turn_);
    if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
    if (auto room = co_await wait_structure_room(); !room) co_return room;
    const auto latest = state_.epochs.latest();
    if (latest && epoch < *latest) {
      co_return refuse(
          ErrorCode::fenced_leader_epoch,
          fmt::format("leader epoch {} is over: the log has epoch {}", epoch.value(), latest->value()));
    }
    if (!latest || epoch > *latest) admit_structure(BeginEpoch{.head = {}, .epoch = epoch});
    version = state_.version;
  }
  co_return co_await wait_structure(version);
}

runtime::Task<Served<void>> PartitionLog::delete_before(Offset offset) {
  if (offset > state_.high_watermark) {
    co_return refuse(ErrorCode::offset_out_of_range,
                     fmt::format("offset {} lies behind the high watermark {}", offset.value(),
                                 state_.high_watermark.value()));
  }
  co_return co_await raise_start(offset);
}

runtime::Task<Served<void>> PartitionLog::raise_start(Offset offset) {
  const auto self = shared_from_this();
  // No turn is taken: the start does not touch what appends touch, and they may be waiting for the very room
  // that this makes.
  // What was not acknowledged yet is not deleted: its bytes are on their way to the journal.
  const Offset target = std::min(offset, state_.end);
  while (stable_end_ < target && !failed_ && !dropped_) co_await changed_.wait();
  if (auto room = co_await wait_structure_room(); !room) co_return room;
  offset = std::min(target, stable_end_);
  if (offset > state_.start) {
    admit_structure(RaiseLogStart{.head = {}, .start = std::min(offset, state_.end)});
  }
  co_return co_await wait_structure(state_.version);
}

runtime::Task<Served<void>> PartitionLog::skip_damage(Offset from, Offset to, std::string what) {
  const auto self = shared_from_this();
  co_await turn_.acquire(1);
  const Turn turn(turn_);
  const auto file = co_await shard_.file_ids().next();
  if (!file) co_return refuse(ErrorCode::kafka_storage_error, file.error().describe());
  if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
  admit_structure(SkipDamage{.head = {}, .from = from, .to = to, .what = std::move(what), .file = *file});
  stable_end_ = synced_end_ = state_.end;
  co_return co_await wait_structure(state_.version);
}

runtime::Task<void> PartitionLog::retain(WallTime now) {
  const auto self = shared_from_this();
  if (refusal(false)) co_return;
  state_.producers.expire(now.ms, config_.producer_expiration_ms);
  const RetentionVerdict verdict = judge_retention(state_, now);
  if (verdict.start <= state_.start) co_return;
  if (verdict.roll) {
    if (const auto rolled = co_await roll(); !rolled) co_return;
  }
  // What failed is tried again by the next pass.
  (void)co_await raise_start(verdict.start);
}

runtime::Task<Served<void>> PartitionLog::truncate(Offset offset) {
  const auto self = shared_from_this();
  co_await turn_.acquire(1);
  const Turn turn(turn_);
  if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
  if (offset >= state_.end) co_return {};
  co_return co_await truncate_in_turn(offset);
}

runtime::Task<Served<void>> PartitionLog::truncate_in_turn(Offset offset) {
  const auto file = co_await shard_.file_ids().next();
  if (!file) co_return refuse(ErrorCode::kafka_storage_error, file.error().describe());
  for (;;) {
    // What is under way ends first: a file is cut where nothing is being written, and where the journal reads nothing.
    if (auto quiet = co_await wait_quiet(); !quiet) co_return quiet;
    if (offset < state_.start) {
      co_return refuse(ErrorCode::offset_out_of_range, fmt::format("offset {} lies before the log's start {}",
                                                                   offset.value(), state_.start.value()));
    }
    const uint64_t version = state_.version;
    const auto place = offset < state_.end ? co_await place_of(offset)
                                           : Place{state_.active().id, state_.active().end, state_.end};
    if (auto room = co_await wait_structure_room(); !room) co_return room;
    // Compaction, write-back and the log's start take no turn: the file may be another one by now.
    if (state_.version != version || !is_quiet()) continue;
    if (!place) co_return tl::unexpected(place.error());
    admit_structure(TruncateLog{
        .head = {}, .cut = place->file, .position = place->position, .end = place->offset, .file = *file});
    break;
  }
  // Held until it is durable: only then may bytes of a new epoch take these offsets.
  co_return co_await wait_structure(state_.version);
}

runtime::Task<Served<void>> PartitionLog::restart_at(Offset offset) {
  const auto self = shared_from_this();
  co_await turn_.acquire(1);
  const Turn turn(turn_);
  if (auto drained = co_await wait_admitted(); !drained) co_return drained;
  const auto file = co_await shard_.file_ids().next();
  if (!file) co_return refuse(ErrorCode::kafka_storage_error, file.error().describe());
  if (auto room = co_await wait_structure_room(); !room) co_return room;
  co_await wait_writes();
  if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
  admit_structure(RestartLog{.head = {}, .start = offset, .file = *file});
  // Offsets may have gone up.
  stable_end_ = synced_end_ = state_.end;
  co_return co_await wait_structure(state_.version);
}

runtime::Task<Served<void>> PartitionLog::drop() {
  const auto self = shared_from_this();
  dropping_ = true;
  co_await turn_.acquire(1);
  const Turn turn(turn_);
  if (dropped_) co_return {};
  while (!failed_ && !rounds_->has_room_for_structure()) {
    if (shard_.context().closing)
      co_return refuse(ErrorCode::kafka_storage_error, "the broker is shutting down");
    co_await shard_.ask_for_room();
  }
  if (auto drained = co_await wait_admitted(); !drained) co_return drained;
  co_await wait_writes();
  // Only from here on: the room that was waited for may have been what its own rounds kept, and it is written and carried
  // for that until its last record is admitted.
  drop_admitted_ = true;
  StructureRecord record = DropLog{.head = next_head()};
  const uint64_t version = state_.version + 1;
  add_structure_news(version, EntryKind::drop, encode_record(record));
  while (synced_version_ < version && !failed_) {
    if (relaxed() && stable_version_ >= version) shard_.sync_relaxed_now();
    co_await changed_.wait();
  }
  if (failed_) co_return tl::unexpected(*refusal(false));
  co_return {};
}

void PartitionLog::set_config(LogConfig config) {
  if (config == config_ || dropping_ || failed_) return;
  config_ = config;
  // The journal changes when nothing is on its way to the old one.
  LogConfig now = config;
  now.flush = state_.config.flush;
  if (now != state_.config) {
    if (rounds_->has_room_for_structure()) {
      admit_structure(ConfigureLog{.head = {}, .config = now});
    } else {
      shard_.spawn(configure_later());
    }
  }
  if (config.flush != now.flush) shard_.spawn(switch_flush());
}

runtime::Task<void> PartitionLog::configure_later() {
  const auto self = shared_from_this();
  if (!co_await wait_structure_room()) co_return;
  // What was set last.
  LogConfig now = config_;
  now.flush = state_.config.flush;
  if (now != state_.config) admit_structure(ConfigureLog{.head = {}, .config = now});
}

void PartitionLog::set_proven() {
  if (dropping_ || failed_ || (state_.unproven.empty() && !state_.tail_doubted)) return;
  admit_structure(MarkUnsynced{.head = {}, .boot = state_.unsynced_in, .proven = true});
}

runtime::Task<void> PartitionLog::switch_flush() {
  const auto self = shared_from_this();
  co_await turn_.acquire(1);
  const Turn turn(turn_);
  if (refusal(false) || config_.flush == state_.config.flush) co_return;
  if (config_.flush == LogConfig::Flush::interval && !co_await shard_.open_relaxed()) co_return;
  for (;;) {
    // Also remainders and records that were admitted without the turn.
    if (!co_await wait_admitted() || !co_await wait_carried() || !co_await wait_structure_room()) co_return;
    if (!news_.empty() || !under_way_.empty() || synced_version_ < state_.version) continue;
    break;
  }
  if (refusal(false)) co_return;
  // From here on records go to the other journal. What the old one still holds of this log is told by its marks.
  if (std::exchange(seal_held_, false)) rounds_->let_seal_go();
  rounds_ = &shard_.rounds(config_.flush);
  LogConfig now = state_.config;
  now.flush = config_.flush;
  admit_structure(ConfigureLog{.head = {}, .config = now});
  journal_version_ = state_.version;
}

}  // namespace godwit::storage
