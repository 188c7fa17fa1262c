#include "storage/rebuild_facts.h"

#include <algorithm>

namespace godwit::storage {

LogFacts LogFacts::of(const LogState& state) {
  LogFacts facts;
  facts.incarnation = state.incarnation;
  facts.version = state.version;
  facts.config = state.config;
  facts.start = state.start;
  facts.end = state.end;
  facts.epochs = state.epochs.starts();
  facts.damages = state.damages;
  facts.cleaned_to = state.cleaned_to;
  for (size_t i = 0; i < state.segments.size(); ++i) {
    const SegmentState& segment = state.segments[i];
    FileFacts& file = facts.files[segment.id];
    file.base = segment.base;
    file.compacted = segment.compacted;
    if (i + 1 < state.segments.size()) file.limit = segment.end;
  }
  return facts;
}

bool LogFacts::meet(const RecordHead& head) {
  if (head.incarnation < incarnation) return false;
  if (head.incarnation > incarnation) {
    *this = {};
    incarnation = gone_below = head.incarnation;
  }
  version = std::max(version, head.version);
  return true;
}

bool LogFacts::is_gone(FileId file) const {
  if (file < gone_below) return true;
  const auto found = files.find(file);
  return found != files.end() && found->second.gone;
}

void LogFacts::apply(const DataRecord& data) {
  if (!meet(data.head)) return;
  files[data.file].base = data.file_base;
  end = std::max(end.value_or(data.next), data.next);
}

void LogFacts::apply(const StructureRecord& record) {
  const RecordHead& head = head_of(record);
  if (!meet(head)) return;
  if (!std::holds_alternative<CreateLog>(record) && !std::holds_alternative<DropLog>(record)) end = head.end;
  if (const auto* create = std::get_if<CreateLog>(&record)) {
    config = create->config;
    start = end = create->start;
    files[create->file].base = create->start;
  } else if (const auto* roll = std::get_if<RollSegment>(&record)) {
    files[roll->file].base = head.end;
  } else if (const auto* truncate = std::get_if<TruncateLog>(&record)) {
    FileFacts& cut = files[truncate->cut];
    cut.limit = std::min(truncate->position, cut.limit.value_or(truncate->position));
    cuts.push_back({truncate->file, truncate->end});
    files[truncate->file].base = end = truncate->end;
    std::erase_if(epochs, [&](const EpochStart& epoch) { return epoch.start >= truncate->end; });
    std::erase_if(damages, [&](const DamagedRange& damage) { return damage.from >= truncate->end; });
    for (DamagedRange& damage : damages) damage.to = std::min(damage.to, truncate->end);
    cleaned_to = std::min(cleaned_to, truncate->end);
  } else if (const auto* restart = std::get_if<RestartLog>(&record)) {
    gone_below = restart->file;
    start = end = cleaned_to = restart->start;
    files[restart->file].base = restart->start;
    epochs.clear();
    damages.clear();
    cuts.clear();
  } else if (const auto* raise = std::get_if<RaiseLogStart>(&record)) {
    start = std::max(start.value_or(raise->start), raise->start);
  } else if (const auto* begin = std::get_if<BeginEpoch>(&record)) {
    epochs.push_back({begin->epoch, head.end});
  } else if (const auto* swap = std::get_if<SwapSegments>(&record)) {
    for (const FileId file : swap->removed) files[file].gone = true;
    for (const SegmentState& added : swap->added) {
      FileFacts& file = files[added.id];
      file.base = added.base;
      file.limit = added.end;
      file.compacted = true;
    }
    cleaned_to = std::max(cleaned_to, swap->cleaned_to);
  } else if (const auto* repair = std::get_if<RepairRange>(&record)) {
    for (const FileId file : repair->removed) files[file].gone = true;
    for (const SegmentState& added : repair->added) {
      FileFacts& file = files[added.id];
      file.base = added.base;
      file.limit = added.end;
      // It is newer than files behind it, as the output of compaction is.
      file.compacted = true;
    }
    std::erase_if(damages,
                  [&](const DamagedRange& d) { return d.from >= repair->from && d.to <= repair->to; });
    damages.insert(damages.end(), repair->left.begin(), repair->left.end());
    cleaned_to = std::min(cleaned_to, repair->from);
  } else if (const auto* configure = std::get_if<ConfigureLog>(&record)) {
    config = configure->config;
  } else if (const auto* skip = std::get_if<SkipDamage>(&record)) {
    if (skip->from < skip->to) damages.push_back({skip->from, skip->to, skip->what});
    end = skip->to;
    files[skip->file].base = skip->to;
  } else if (std::holds_alternative<DropLog>(record)) {
    dropped = true;
  }
}

namespace {

// Takes from each file what a newer one has in its place.
void settle_overlaps(const LogFacts& facts, std::vector<FoundFile>& files) {
  for (FoundFile& file : files) {
    const auto known = facts.files.find(file.id);
    Offset cut(INT64_MAX);
    Position limit(UINT64_MAX);
    if (known != facts.files.end()) {
      file.compacted |= known->second.compacted;
      limit = known->second.limit.value_or(limit);
    }
    for (const LogFacts::Cut& one : facts.cuts) {
      if (file.id < one.below) cut = std::min(cut, one.end);
    }
    bool replaced = facts.is_gone(file.id);
    for (const FoundFile& newer : files) {
      if (newer.id <= file.id || facts.is_gone(newer.id)) continue;
      const auto base = newer.first();
      const auto first = file.first();
      if (!base || !first) continue;
      if (!newer.compacted) {
        cut = std::min(cut, *base);
      } else if (*first >= *base && *first < *newer.last()) {
        replaced = true;
      } else if (*first<*base&& * file.last()> * base) {
        // The output of compaction begins behind what it left out.
        cut = std::min(cut, *base);
      }
    }
    if (replaced) {
      file.batches.clear();
      file.damaged.clear();
    }
    std::erase_if(file.batches,
                  [&](const FoundBatch& batch) { return batch.next > cut || batch.end > limit; });
    for (auto& [from, to] : file.damaged) to = std::min(to, cut);
    std::erase_if(file.damaged, [](const auto& range) { return range.first >= range.second; });
  }
}

}  // namespace

std::optional<Offset> FoundFile::first() const {
  std::optional<Offset> first;
  if (!batches.empty()) first = batches.front().base;
  if (!damaged.empty()) first = std::min(first.value_or(damaged.front().first), damaged.front().first);
  return first;
}

std::optional<Offset> FoundFile::last() const {
  std::optional<Offset> last;
  if (!batches.empty()) last = batches.back().next;
  if (!damaged.empty()) last = std::max(last.value_or(damaged.back().second), damaged.back().second);
  return last;
}

void settle_files(const LogFacts& facts, std::vector<FoundFile>& files, std::vector<FileId>& unused) {
  std::ranges::sort(files, {}, &FoundFile::id);
  settle_overlaps(facts, files);
  std::erase_if(files, [&](const FoundFile& file) {
    const bool expired = facts.start && file.last() && *file.last() <= *facts.start;
    if (file.last() && !expired) return false;
    unused.push_back(file.id);
    return true;
  });
  std::ranges::stable_sort(files, {}, [](const FoundFile& file) { return *file.first(); });
  // Offsets go up in a log; what does not was damaged beyond what a checksum tells.
  Offset at;
  for (FoundFile& file : files) {
    std::erase_if(file.batches, [&](const FoundBatch& batch) { return batch.base < at; });
    if (!file.batches.empty()) at = file.batches.back().next;
  }
}

LogState assemble_log(TopicPartition id, const LogFacts& facts, const std::vector<FoundFile>& files,
                      FileId fresh, int64_t now_ms) {
  LogState state;
  state.id = id;
  state.incarnation = facts.incarnation.value() > 0 ? facts.incarnation
                      : files.empty()               ? fresh
                                                    : std::ranges::min(files, {}, &FoundFile::id).id;
  state.version = facts.version + 1;
  state.config = facts.config;
  const Offset first = files.empty() ? facts.end.value_or(Offset(0)) : *files.front().first();
  state.start = facts.start.value_or(first);
  Offset at = state.start;
  const std::string lost = "it was not found when the log was rebuilt";
  bool gaps = files.empty() || files.front().compacted;
  for (const FoundFile& file : files) {
    if (file.batches.empty()) continue;
    SegmentState segment{.id = file.id, .base = file.batches.front().base};
    const auto known = facts.files.find(file.id);
    if (known != facts.files.end() && known->second.base && *known->second.base < segment.base &&
        (state.segments.empty() || *known->second.base >= state.segments.back().next)) {
      segment.base = *known->second.base;
    }
    Offset next = segment.base;
    for (const FoundBatch& batch : file.batches) {
      if (batch.base > next) segment.compacted = true;
      next = batch.next;
      segment.timestamp_max = std::max(segment.timestamp_max, batch.timestamp_max);
      if (batch.epoch > state.epochs.latest().value_or(kNoLeaderEpoch))
        state.epochs.begin(batch.epoch, batch.base);
      if (batch.producer_id >= 0 && batch.first_sequence >= 0) {
        state.producers.record(
            {batch.producer_id, batch.producer_epoch, batch.first_sequence, batch.last_sequence}, batch.base,
            batch.next - 1, batch.timestamp_max, now_ms);
        // Nothing of it is undone: to remember how takes more memory than a small batch has bytes.
        state.producers.settle(batch.next);
      }
    }
    segment.compacted |= file.compacted;
    segment.next = next;
    segment.end = file.batches.back().end;
    segment.first_append_ms = now_ms;
    segment.set_whole();
    if (segment.base > at && !gaps && !segment.compacted) state.add_damage({at, segment.base, lost});
    gaps = segment.compacted;
    at = std::max(at, segment.next);
    state.segments.push_back(segment);
  }
  state.end = std::max(at, facts.end.value_or(at));
  if (state.end > at) state.add_damage({at, state.end, lost});
  for (const FoundFile& file : files) {
    for (auto [from, to] : file.damaged) {
      // Without what another file has; and nothing is known of where a log ends but what is whole in it.
      from = std::max(from, state.start);
      for (const SegmentState& segment : state.segments) {
        if (segment.base >= to || segment.next <= from) continue;
        if (from < segment.base && segment.id != file.id) {
          state.add_damage({from, segment.base, "the segment's batches there cannot be proven"});
        }
        if (segment.id != file.id) from = std::max(from, segment.next);
      }
      if (from >= to) continue;
      state.add_damage({from, to, "the segment's batches there cannot be proven"});
      state.end = std::max(state.end, to);
    }
  }
  for (const DamagedRange& damage : facts.damages) {
    const Offset from = std::max(damage.from, state.start);
    const Offset to = std::min(damage.to, state.end);
    if (from < to) state.add_damage({from, to, damage.what});
  }
  for (const EpochStart& epoch : facts.epochs) {
    if (epoch.epoch > state.epochs.latest().value_or(kNoLeaderEpoch)) {
      const Offset latest = state.epochs.starts().empty() ? state.start : state.epochs.starts().back().start;
      state.epochs.begin(epoch.epoch, std::clamp(epoch.start, latest, state.end));
    }
  }
  state.high_watermark = state.start;
  state.cleaned_to = std::min(facts.cleaned_to, state.end);
  state.segments.push_back({.id = fresh,
                            .base = state.end,
                            .next = state.end,
                            .boundary_offset = state.end,
                            .resume_offset = state.end});
  state.unproven = "it was rebuilt without a checkpoint";
  return state;
}

}  // namespace godwit::storage
