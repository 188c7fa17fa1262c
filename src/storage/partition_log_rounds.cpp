// A log's way into the journal: what a round takes, and what is stable after it.
#include <algorithm>

#include "base/check.h"
#include "storage/log_shard.h"
#include "storage/partition_log.h"

namespace godwit::storage {

void PartitionLog::take_data(DataNews& news, std::vector<JournalEntry>& out, uint64_t bytes_max,
                             Taken& taken) {
  DataNews part = news;
  if (part.to - part.from > bytes_max) {
    // The part does not end a batch: it counts when the last part is there.
    part.to = part.from + bytes_max;
    if (!part.carried) part.next = part.before;
    // The rest is charged with all of it.
    part.charged = 0;
    news.from = part.to;
  }
  const SegmentLive* const l = find_live(part.file);
  GW_CHECK(l != nullptr && l->tail, "news lies in a tail");
  JournalEntry entry;
  entry.kind = static_cast<uint8_t>(EntryKind::data);
  entry.meta = encode_record(DataRecord{.head = {.topic = state_.id.topic,
                                                 .partition = state_.id.partition,
                                                 .incarnation = state_.incarnation,
                                                 .version = part.version,
                                                 .end = part.before},
                                        .file = part.file,
                                        .file_base = part.file_base,
                                        .position = part.from,
                                        .next = part.next,
                                        .epoch = part.epoch,
                                        .timestamp_max = part.timestamp_max,
                                        .now_ms = part.now_ms});
  entry.payload = l->tail->view(part.from, part.to);
  out.push_back(std::move(entry));
  under_way_.push_back(part);
  taken.bytes += out.back().bytes();
  taken.charged += part.charged;
}

RoundSource::Taken PartitionLog::take_round(std::vector<JournalEntry>& out, uint64_t budget) {
  // More than what an entry takes beside its payload.
  constexpr uint64_t kAround = 1024;
  // A piece is cut only where the round has more room than that: else it opens the next one.
  constexpr uint64_t kSplitMin = 48 << 10;
  GW_CHECK(under_way_.empty(), "a partition has one round under way");
  Taken taken;
  size_t whole = 0;
  for (; whole < news_.size(); ++whole) {
    const uint64_t left = budget - std::min(budget, taken.bytes);
    if (auto* data = std::get_if<DataNews>(&news_[whole])) {
      const uint64_t size = data->to - data->from;
      if (size + kAround > left) {
        if (taken.bytes == 0 && left >= kSplitMin) {
          take_data(*data, out, (left - kAround) / kBlockMin * kBlockMin, taken);
        }
        break;
      }
      take_data(*data, out, size, taken);
    } else {
      auto& structure = std::get<StructureNews>(news_[whole]);
      if (structure.meta.size() + kAround > left) break;
      JournalEntry entry;
      entry.kind = static_cast<uint8_t>(structure.kind);
      entry.meta = structure.meta;
      out.push_back(std::move(entry));
      taken.bytes += out.back().bytes();
      taken.charged += structure.charged;
      under_way_.push_back(std::move(structure));
    }
  }
  news_.erase(news_.begin(), news_.begin() + static_cast<ptrdiff_t>(whole));
  taken.more = !news_.empty();
  return taken;
}

void PartitionLog::round_done(Sequence sequence) {
  const bool synced = !relaxed();
  const uint64_t version_before = synced_version_;
  for (const News& item : under_way_) {
    if (const auto* data = std::get_if<DataNews>(&item)) {
      // A file that a later record already took away has no memory here any more.
      if (SegmentLive* l = find_live(data->file)) {
        if (data->carried) {
          l->carried(sequence, data->from, data->to, relaxed());
          // A large one takes several rounds.
          l->carry_under_way = std::ranges::any_of(news_, [&](const News& left) {
            const auto* rest = std::get_if<DataNews>(&left);
            return rest != nullptr && rest->carried && rest->file == data->file;
          });
          l->forget_marks(state_.find(data->file)->written);
        } else {
          l->mark(sequence, data->from, relaxed());
          l->journalled = data->to;
          // Not inside a batch: a checkpoint, or a power cut, may end the file there.
          if (data->next > data->before) {
            l->stable = data->to;
            if (synced) l->synced = data->to;
          }
        }
      }
      if (!data->carried) stable_end_ = data->next;
    } else {
      const auto& structure = std::get<StructureNews>(item);
      stable_version_ = structure.version;
      if (structure.kind == EntryKind::drop) drop_version_ = structure.version;
    }
  }
  under_way_.clear();
  retired_.clear();
  if (under_way_.capacity() > 8) under_way_.shrink_to_fit();
  stable_end_ = std::min(stable_end_, state_.end);
  if (synced) {
    synced_end_ = stable_end_;
    synced_version_ = stable_version_;
  } else {
    shard_.unsynced(*this);
  }
  // Until then it can be told what they were: synced_state().
  state_.producers.settle(synced_end_);
  if (drop_version_ && synced_version_ >= *drop_version_) finish_drop();
  if (synced_version_ > version_before) write_due_indexes();
  notify_advanced();
}

void PartitionLog::finish_drop() {
  if (std::exchange(dropped_, true)) return;
  // At once, so that a checkpoint has either the log or its files among those to be removed.
  shard_.left_unwritten(unwritten_bytes());
  for (const SegmentState& segment : state_.segments) {
    if (!segment.empty() || segment.compacted)
      shard_.remove_file_when_durable(*this, segment.id, *drop_version_);
  }
  live_.clear();
  settle_seal();
}

void PartitionLog::round_refused() {
  // As forget_live() does with those that wait. Nothing but a remainder may have lost its file meanwhile, and that was
  // charged nothing: a file leaves the log once all that was admitted to it is stable.
  std::erase_if(under_way_, [&](const News& item) {
    const auto* data = std::get_if<DataNews>(&item);
    if (data == nullptr || !data->carried) return false;
    SegmentLive* const l = find_live(data->file);
    if (l != nullptr && l->tail) return false;
    if (l != nullptr) l->carry_under_way = false;
    return true;
  });
  retired_.clear();
  changed_.notify_all();
  news_.insert(news_.begin(), std::make_move_iterator(under_way_.begin()),
               std::make_move_iterator(under_way_.end()));
  under_way_.clear();
}

void PartitionLog::round_failed() {
  end_writes();
}

void PartitionLog::end_writes() {
  if (failed_) return;
  failed_ = true;
  news_.clear();
  // Views of it may still be read by a write that is under way: its memory stays.
  // What was not settled is taken back; a state with structure records that failed too is not used for
  // anything but reading below stable_end_.
  state_.producers.cut(stable_end_);
  changed_.notify_all();
  if (observer_ != nullptr) observer_->log_failed();
}

void PartitionLog::notify_advanced() {
  changed_.notify_all();
  if (observer_ != nullptr) observer_->log_advanced();
}

runtime::Task<ErrorCode> PartitionLog::wait_stable(Offset end, MonotonicTime deadline) {
  const auto self = shared_from_this();
  for (;;) {
    if (dropped_) co_return ErrorCode::unknown_topic_or_partition;
    if (stable_end_ >= end) co_return ErrorCode::none;
    // A truncation took it: it will not become stable.
    if (failed_ || end > state_.end) co_return ErrorCode::kafka_storage_error;
    if (!co_await changed_.wait_until(deadline)) {
      co_return stable_end_ >= end ? ErrorCode::none : ErrorCode::request_timed_out;
    }
  }
}

runtime::Task<Served<void>> PartitionLog::wait_structure(uint64_t version) {
  while (synced_version_ < version && !failed_) {
    // Structure is on stable storage when it is answered, whatever `flush` says of data.
    if (relaxed() && stable_version_ >= version) shard_.sync_relaxed_now();
    co_await changed_.wait();
  }
  if (failed_ && synced_version_ < version) co_return tl::unexpected(*refusal(false));
  co_return {};
}

PartitionLog::Unsynced PartitionLog::unsynced() {
  Unsynced what{.version = stable_version_, .end = stable_end_, .files = {}};
  for (const auto& l : live_) {
    if (l->synced < l->stable) what.files.emplace_back(l->id, l->stable);
    // So that it can be told later which rounds hold what comes behind, and is not carried.
    l->mark_next = true;
  }
  return what;
}

void PartitionLog::set_synced(const Unsynced& what) {
  if (failed_ || what.version < synced_version_) return;
  // A truncation since then took a part of it; its own record is synced later.
  const uint64_t version_before = std::exchange(synced_version_, what.version);
  synced_end_ = std::max(synced_end_, std::min(what.end, state_.end));
  for (const auto& [file, position] : what.files) {
    const SegmentState* const segment = state_.find(file);
    SegmentLive* const l = find_live(file);
    if (segment != nullptr && l != nullptr) {
      l->synced = std::max(l->synced, std::min(position, std::min(segment->end, l->stable)));
      l->forget_extra_marks();
    }
  }
  state_.producers.settle(synced_end_);
  if (drop_version_ && synced_version_ >= *drop_version_) finish_drop();
  if (synced_version_ > version_before) write_due_indexes();
  notify_advanced();
}

runtime::Task<Served<void>> PartitionLog::mark_unsynced(MonotonicTime deadline) {
  if (state_.unsynced_in.empty()) {
    if (auto room = co_await wait_structure_room(deadline); !room) co_return room;
    admit_structure(MarkUnsynced{.head = {}, .boot = shard_.context().boot()});
    unsynced_mark_ = state_.version;
  }
  while (synced_version_ < unsynced_mark_) {
    if (auto refused = refusal(true)) co_return tl::unexpected(std::move(*refused));
    if (stable_version_ >= unsynced_mark_) shard_.sync_relaxed_now();
    if (!co_await changed_.wait_until(deadline) && synced_version_ < unsynced_mark_) {
      co_return refuse(ErrorCode::kafka_storage_error,
                       "the journal of flush=interval topics was not synced within the timeout");
    }
  }
  if (auto refused = refusal(true)) co_return tl::unexpected(std::move(*refused));
  co_return {};
}

bool PartitionLog::try_unmark_unsynced() {
  if (state_.unsynced_in.empty() || failed_ || dropping_) return true;
  if (synced_version_ < state_.version || synced_end_ < state_.end) return false;
  if (!rounds_->has_room_for_structure() || !turn_.try_acquire(1)) return false;
  const Turn turn(turn_);
  admit_structure(MarkUnsynced{});
  return true;
}

runtime::Task<void> PartitionLog::unmark_unsynced() {
  const auto self = shared_from_this();
  co_await turn_.acquire(1);
  const Turn turn(turn_);
  if (dropping_ || !co_await wait_admitted() || state_.unsynced_in.empty()) co_return;
  // Where the journal is full the log will be doubted after a power cut, no more.
  if (!rounds_->has_room_for_structure()) co_return;
  admit_structure(MarkUnsynced{});
  (void)co_await wait_structure(state_.version);
}

runtime::Task<Served<void>> PartitionLog::wait_admitted() {
  const Offset end = state_.end;
  const uint64_t version = state_.version;
  while ((synced_version_ < version || synced_end_ < end) && !failed_) {
    if (relaxed() && stable_version_ >= version && stable_end_ >= end) shard_.sync_relaxed_now();
    co_await changed_.wait();
  }
  if (failed_) co_return tl::unexpected(*refusal(false));
  co_return {};
}

bool PartitionLog::is_quiet() const {
  return news_.empty() && under_way_.empty() && synced_version_ >= state_.version &&
         synced_end_ >= state_.end &&
         std::ranges::none_of(live_, [](const auto& l) { return l->write_under_way || l->carry_under_way; });
}

runtime::Task<Served<void>> PartitionLog::wait_quiet() {
  for (;;) {
    if (auto drained = co_await wait_admitted(); !drained) co_return drained;
    if (!co_await wait_carried()) co_return tl::unexpected(*refusal(false));
    co_await wait_writes();
    if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
    if (is_quiet()) co_return {};
  }
}

std::optional<LogState> PartitionLog::synced_state() const {
  if (synced_version_ < state_.version) return std::nullopt;
  LogState state = state_;
  if (synced_end_ == state_.end) return state;
  // Only batches at the end of the active file are missing.
  const SegmentLive* const l = find_live(state.active().id);
  GW_CHECK(l != nullptr, "what is not synced is in memory");
  state.end = state.active().next = synced_end_;
  state.active().end = l->synced;
  if (state.active().empty()) state.active().first_append_ms = -1;
  state.high_watermark = std::min(state.high_watermark, state.end);
  // One that begins at the very end may have been begun by a record of its own.
  state.epochs.truncate(state.end + 1);
  GW_CHECK(state.producers.cut(state.end), "what is not synced can be taken back");
  return state;
}

runtime::Task<bool> PartitionLog::wait_synced(uint64_t version, Offset end) {
  const auto self = shared_from_this();
  while (!failed_ && (synced_version_ < version || (synced_version_ == version && synced_end_ < end))) {
    if (relaxed()) shard_.sync_relaxed_now();
    co_await changed_.wait();
  }
  co_return !failed_;
}

}  // namespace godwit::storage
