#include "storage/replay.h"

#include <algorithm>

namespace godwit::storage {

Replay::Replay(Checkpoint checkpoint) {
  out_.next_file_id = checkpoint.next_file_id;
  out_.to_remove = std::move(checkpoint.to_remove);
  for (LogState& state : checkpoint.logs) {
    const TopicPartition id = state.id;
    const Offset end = state.end;
    logs_.emplace(id, ReplayedLog{.state = std::move(state), .producers_from = end});
  }
}

const RecordHead& Replay::Item::head() const {
  if (const auto* data = std::get_if<DataRecord>(&record)) return data->head;
  return head_of(std::get<StructureRecord>(record));
}

Result<std::optional<Replay::Item>> Replay::decode(const RecoveredEntry& entry, bool relaxed) {
  const auto kind = static_cast<EntryKind>(entry.kind);
  if (kind == EntryKind::file_ids) {
    const auto ids = decode_file_ids(entry.meta);
    if (!ids) return fail(ids.error());
    out_.next_file_id = std::max(out_.next_file_id, ids->below);
    return std::optional<Item>();
  }
  if (kind == EntryKind::data) {
    auto data = decode_data(entry.meta);
    if (!data) return fail(std::move(data).error());
    return std::optional(Item{std::move(*data), &entry, relaxed});
  }
  auto record = decode_structure(kind, entry.meta);
  if (!record) return fail(std::move(record).error());
  return std::optional(Item{std::move(*record), &entry, relaxed});
}

void Replay::apply(Item item) {
  if (const auto* data = std::get_if<DataRecord>(&item.record)) {
    apply_data(*data, *item.entry, item.relaxed);
  } else {
    apply_structure(std::move(std::get<StructureRecord>(item.record)));
  }
}

Result<void> Replay::add(const std::vector<RecoveredEntry>& entries,
                         const std::vector<RecoveredEntry>& relaxed) {
  // Logs with entries in the relaxed journal wait until all of theirs are known; the others go straight on.
  std::unordered_map<TopicPartition, std::vector<Item>> waiting;
  std::vector<Item> from_relaxed;
  for (const RecoveredEntry& entry : relaxed) {
    auto item = decode(entry, true);
    if (!item) return fail(std::move(item).error());
    if (!*item) continue;
    waiting[(*item)->head().id()];
    from_relaxed.push_back(std::move(**item));
  }
  for (const RecoveredEntry& entry : entries) {
    auto item = decode(entry, false);
    if (!item) return fail(std::move(item).error());
    if (!*item) continue;
    const auto waits = waiting.find((*item)->head().id());
    if (waits == waiting.end()) {
      apply(std::move(**item));
    } else {
      waits->second.push_back(std::move(**item));
    }
  }
  for (Item& item : from_relaxed) waiting[item.head().id()].push_back(std::move(item));
  for (auto& [id, items] : waiting) {
    // All records of a version are in one journal, in their order.
    std::ranges::stable_sort(
        items, {}, [](const Item& item) { return std::pair(item.head().incarnation, item.head().version); });
    for (Item& item : items) apply(std::move(item));
  }
  return {};
}

ReplayedLog* Replay::find(const RecordHead& head) {
  const auto found = logs_.find(head.id());
  if (found == logs_.end() || found->second.state.incarnation != head.incarnation) return nullptr;
  return &found->second;
}

void Replay::apply_data(const DataRecord& data, const RecoveredEntry& entry, bool relaxed) {
  ReplayedLog* const log = find(data.head);
  if (log == nullptr) return;
  LogState& state = log->state;
  if (!log->lost_to) {
    log->extents.push_back({.file = data.file,
                            .position = data.position,
                            .sequence = entry.sequence,
                            .payload = entry.payload,
                            .relaxed = relaxed,
                            .ends_batch = data.next > data.head.end,
                            .next = data.next});
  }
  const bool seen = data.head.version < state.version ||
                    (data.head.version == state.version && data.next <= state.end && !log->lost_to);
  if (seen) return;
  if (log->lost_to || data.head.version > state.version || data.head.end != state.end ||
      data.file != state.active().id) {
    // Entries before this one are missing. What it says of offsets holds all the same.
    log->lost_to = std::max({log->lost_to.value_or(state.end), data.next, state.end});
    state.version = std::max(state.version, data.head.version);
    return;
  }
  SegmentState& active = state.active();
  active.end = data.position + entry.payload.size;
  active.next = data.next;
  active.timestamp_max = std::max(active.timestamp_max, data.timestamp_max);
  if (active.first_append_ms < 0) active.first_append_ms = data.now_ms;
  if (data.epoch > state.epochs.latest().value_or(kNoLeaderEpoch)) {
    state.epochs.begin(data.epoch, data.head.end);
  }
  state.end = data.next;
  log->now_ms = data.now_ms;
}

void Replay::remove_files(const TopicPartition& id, const std::vector<SegmentState>& segments) {
  for (const SegmentState& segment : segments) {
    out_.to_remove.push_back({id.topic, id.partition, segment.id});
  }
}

void Replay::apply_structure(StructureRecord record) {
  const RecordHead head = head_of(record);
  if (const auto* create = std::get_if<CreateLog>(&record)) {
    const auto found = logs_.find(head.id());
    if (found != logs_.end()) {
      if (found->second.state.incarnation >= head.incarnation) return;
      remove_files(head.id(), found->second.state.segments);
    }
    logs_[head.id()] = ReplayedLog{.state = created(*create), .producers_from = create->start};
    return;
  }
  ReplayedLog* const log = find(head);
  if (log == nullptr || head.version <= log->state.version) return;
  if (std::holds_alternative<DropLog>(record)) {
    remove_files(head.id(), log->state.segments);
    logs_.erase(head.id());
    return;
  }
  if (log->lost_to || head.version != log->state.version + 1 || head.end != log->state.end) {
    if (!log->lost_to) log->lost_to = std::max(log->state.end, head.end);
    apply_behind_hole(*log, record);
    return;
  }
  const auto* const roll = std::get_if<RollSegment>(&record);
  if (roll != nullptr && roll->sealed_end != log->state.active().end) {
    log->lost_to = log->state.end;
    apply_behind_hole(*log, record);
    return;
  }
  remove_files(head.id(), apply_record(log->state, record));
  log->producers_from = std::min(log->producers_from, log->state.end);
  if (std::holds_alternative<RestartLog>(record)) log->producers_from = log->state.end;
}

namespace {

bool has_all(const LogState& state, const std::vector<FileId>& sealed) {
  return std::ranges::all_of(sealed, [&](FileId file) {
    const SegmentState* const segment = state.find(file);
    return segment != nullptr && segment != &state.active();
  });
}

}  // namespace

// Where entries are missing, only what can be said for sure of the log is taken over.
void Replay::apply_behind_hole(ReplayedLog& log, const StructureRecord& record) {
  LogState& state = log.state;
  const uint64_t version = head_of(record).version;
  const auto apply_as_next = [&](StructureRecord next) {
    head_of(next).version = state.version + 1;
    remove_files(state.id, apply_record(state, next));
  };
  log.lost_to = std::max(*log.lost_to, head_of(record).end);
  if (const auto* restart = std::get_if<RestartLog>(&record)) {
    apply_as_next(*restart);
    log.lost_to.reset();
    log.lost_from.reset();
    log.extents.clear();
    log.producers_from = state.end;
  } else if (const auto* truncate = std::get_if<TruncateLog>(&record)) {
    const SegmentState* const cut = state.find(truncate->cut);
    if (cut != nullptr && truncate->end <= state.end && truncate->end >= state.start &&
        truncate->position <= cut->end) {
      // What was lost lay behind the cut.
      apply_as_next(*truncate);
      log.lost_to.reset();
      log.lost_from.reset();
      log.producers_from = std::min(log.producers_from, state.end);
    } else {
      log.lost_to = std::max(truncate->end, state.end);
      if (truncate->end < state.end)
        log.lost_from = std::min(truncate->end, log.lost_from.value_or(state.end));
    }
  } else if (const auto* raise = std::get_if<RaiseLogStart>(&record)) {
    apply_as_next(RaiseLogStart{.head = {}, .start = std::min(raise->start, state.end)});
  } else if (const auto* configure = std::get_if<ConfigureLog>(&record)) {
    state.config = configure->config;
    if (state.config.flush == LogConfig::Flush::always) state.unsynced_in.clear();
  } else if (const auto* epoch = std::get_if<BeginEpoch>(&record)) {
    apply_as_next(*epoch);
  } else if (const auto* mark = std::get_if<MarkUnsynced>(&record)) {
    apply_as_next(*mark);
  } else if (const auto* swap = std::get_if<SwapSegments>(&record)) {
    // The old files may be gone already.
    if (has_all(state, swap->removed)) apply_as_next(*swap);
  } else if (const auto* repair = std::get_if<RepairRange>(&record)) {
    if (has_all(state, repair->removed)) apply_as_next(*repair);
  } else if (const auto* skip = std::get_if<SkipDamage>(&record)) {
    if (skip->to < state.end) {
      log.lost_to = skip->to;
    } else {
      // An earlier start saw the hole and went on behind it: what follows is whole again.
      if (state.end < skip->from) state.add_damage({state.end, skip->from, skip->what});
      // Of the producers nothing is skipped: what lies before the hole may be in the journal alone.
      apply_as_next(*skip);
      log.lost_to.reset();
      log.lost_from.reset();
    }
  }
  state.version = std::max(state.version, version);
}

Replayed Replay::finish() {
  for (auto& [id, log] : logs_) {
    log.state.high_watermark = std::clamp(log.state.high_watermark, log.state.start, log.state.end);
    std::erase_if(log.extents, [&](const ReplayedExtent& extent) {
      const SegmentState* const segment = std::as_const(log.state).find(extent.file);
      return segment == nullptr || extent.position >= segment->end || extent.end() <= segment->written;
    });
    // Never a file that a log has.
    std::erase_if(out_.to_remove, [&](const RemovedFile& file) {
      return file.topic == id.topic && file.partition == id.partition &&
             std::as_const(log.state).find(file.file) != nullptr;
    });
    out_.logs.push_back(std::move(log));
  }
  logs_.clear();
  std::ranges::sort(out_.to_remove);
  const auto twice = std::ranges::unique(out_.to_remove);
  out_.to_remove.erase(twice.begin(), twice.end());
  std::ranges::sort(out_.logs, {}, [](const ReplayedLog& log) { return log.state.id; });
  return std::move(out_);
}

std::vector<LoadStep> load_plan(const std::vector<ReplayedExtent>& extents, FileId file, Position from,
                                Position to) {
  // Pieces by position, without overlaps.
  std::map<Position, LoadStep> pieces;
  const auto cut_at = [&](Position position) {
    auto behind = pieces.lower_bound(position);
    if (behind == pieces.begin()) return;
    LoadStep& step = std::prev(behind)->second;
    const uint64_t before = position - step.position;
    if (before >= step.size) return;
    LoadStep rest = step;
    rest.position = position;
    rest.skip += static_cast<uint32_t>(before);
    rest.size -= static_cast<uint32_t>(before);
    step.size = static_cast<uint32_t>(before);
    pieces.emplace(position, rest);
  };
  for (const ReplayedExtent& extent : extents) {
    if (extent.file != file) continue;
    const Position begin = std::max(extent.position, from);
    const Position end = std::min(extent.end(), to);
    if (begin >= end) continue;
    cut_at(begin);
    cut_at(end);
    pieces.erase(pieces.lower_bound(begin), pieces.lower_bound(end));
    pieces.emplace(begin, LoadStep{extent, begin, static_cast<uint32_t>(begin - extent.position),
                                   static_cast<uint32_t>(end - begin)});
  }
  std::vector<LoadStep> plan;
  for (const auto& [position, step] : pieces) {
    if (position != from) break;
    plan.push_back(step);
    from += step.size;
  }
  return plan;
}

}  // namespace godwit::storage
