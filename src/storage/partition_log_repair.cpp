// Damage that a read finds, and its repair from another replica.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "record/batches.h"
#include "storage/log_shard.h"
#include "storage/partition_log.h"
#include "storage/segment_output.h"

namespace godwit::storage {

std::vector<Log::Damage> PartitionLog::damages() const {
  std::vector<Damage> all;
  all.reserve(state_.damages.size());
  for (const DamagedRange& damage : state_.damages) all.push_back({damage.from, damage.to, damage.what});
  return all;
}

runtime::Task<void> PartitionLog::note_damage(FileId file, Offset from, std::string what, ReadMemory memory) {
  const SegmentState* segment = state_.find(file);
  if (segment == nullptr) co_return;
  // Segments come and go while this reads: what it needs of this one is taken now.
  const Offset end = segment->boundary_offset;
  reader_of(*segment);
  const std::shared_ptr<SegmentReader> reader = live(file).reader;
  // Neither memory nor a descriptor to look with: whoever reads it next may have them.
  bool cannot_look = false;
  const auto readable = [&reader, memory, &cannot_look](Offset at) -> runtime::Task<bool> {
    const auto read = co_await reader->read(at, 1, std::nullopt, memory);
    cannot_look = cannot_look ||
                  (!read && read.error().kind != ErrorKind::corrupt && read.error().kind != ErrorKind::io);
    co_return read.has_value() || cannot_look;
  };
  // A device may stumble once.
  if (co_await readable(from)) co_return;
  // The first offset behind it that can be read: in growing steps, then by halves.
  Offset bad = from;
  Offset good = end;
  for (int64_t step = 1; from + step < end; step *= 4) {
    if (co_await readable(from + step)) {
      good = from + step;
      break;
    }
    bad = from + step;
  }
  while (good - bad > 1) {
    const Offset middle = bad + (good - bad) / 2;
    (co_await readable(middle) ? good : bad) = middle;
  }
  // The segment may have been cut, or have left the log.
  segment = state_.find(file);
  if (segment == nullptr || dropping_ || cannot_look) co_return;
  from = std::max(from, state_.start);
  good = std::min(good, segment->next);
  if (from >= good) co_return;
  shard_.context().diagnostics.emit(
      {Severity::error,
       "log.damaged",
       "records cannot be read from their file: they are not served until a replica repairs them",
       {{"partition", shard_.context().folder_of(id())},
        {"from", to_string(from)},
        {"to", to_string(good)},
        {"what", what}}});
  state_.add_damage({from, good, std::move(what)});
}

runtime::Task<Served<void>> PartitionLog::copy_readable(SegmentState segment, Offset from, Offset to,
                                                        SegmentOutput& output) {
  constexpr size_t kStep = 1 << 20;
  from = std::max(from, segment.base);
  to = std::min(to, segment.next);
  while (from < to) {
    if (const DamagedRange* damage = state_.damage_from(from); damage != nullptr && damage->from <= from) {
      from = damage->to;
      continue;
    }
    auto part = co_await read_segment(segment.id, from, kStep);
    if (!part && from < state_.start && state_.start < segment.next) {
      // What was deleted is no damage, and is not needed.
      from = state_.start;
      continue;
    }
    if (!part) {
      co_await note_damage(segment.id, from, part.error().describe());
      const DamagedRange* const damage = state_.damage_from(from);
      if (damage != nullptr && damage->from <= from) continue;
      co_return refuse(ErrorCode::kafka_storage_error, part.error().describe());
    }
    if (part->batches.empty()) break;
    const Bytes bytes = part->batches.flatten();
    BatchSplitter splitter(bytes, {.check_crc = false});
    while (!splitter.done()) {
      const auto batch = splitter.next();
      GW_CHECK(batch.has_value(), "what a reader gives can be split");
      const BatchHeader& header = batch->header();
      if (header.base_offset >= to) co_return {};
      const bool holds_start = header.base_offset < state_.start && header.next_offset() > state_.start;
      if ((header.base_offset < from && !holds_start) || header.next_offset() > to) {
        co_return refuse(ErrorCode::corrupt_message,
                         fmt::format("the batch at offset {} lies across the repaired range's border",
                                     header.base_offset.value()));
      }
      if (auto added = shard_.context().wrote(co_await output.add(header, batch->bytes())); !added) {
        co_return refuse(ErrorCode::kafka_storage_error, added.error().describe());
      }
      from = header.next_offset();
    }
    from = std::max(from, part->next);
  }
  co_return {};
}

runtime::Task<Served<void>> PartitionLog::repair(BytesView batches, Offset from, Offset to) {
  const auto self = shared_from_this();
  co_await turn_.acquire(1);
  const Turn turn(turn_);
  for (;;) {
    const auto repaired = co_await repair_in_turn(batches, from, to);
    if (!repaired) co_return tl::unexpected(repaired.error());
    if (*repaired) co_return {};
  }
}

runtime::Task<Served<bool>> PartitionLog::repair_in_turn(BytesView batches, Offset from, Offset to) {
  if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
  // Everything is looked at before anything is written.
  std::optional<Offset> first;
  Offset first_next;
  Offset next;
  LeaderEpoch epoch = kNoLeaderEpoch;
  bool gaps = false;
  bool unknown = state_.producers_incomplete;
  const auto checked = for_each_batch(batches, {}, [&](const BatchView& batch, size_t) -> Result<void> {
    const BatchHeader& header = batch.header();
    if (first && (header.base_offset < next || header.leader_epoch < epoch)) {
      return fail(ErrorKind::corrupt, fmt::format("the batch at offset {} does not follow the one before",
                                                  header.base_offset.value()));
    }
    if (!first) first_next = header.next_offset();
    gaps |= first && header.base_offset > next;
    // Seldom: what a read found damaged was admitted here once, and where it is old its producers are forgotten.
    if (const auto claim = claim_of(header); claim && !are_producers_forgotten(header.base_offset)) {
      unknown |= state_.producers.misses(*claim, header.last_offset());
    }
    first = first.value_or(header.base_offset);
    next = header.next_offset();
    epoch = header.leader_epoch;
    return {};
  });
  if (!checked) co_return refuse(ErrorCode::corrupt_message, checked.error().message);
  if (is_compacted()) {
    if (first && first_next <= from) {
      co_return refuse(ErrorCode::corrupt_message,
                       fmt::format("the batch at offset {} ends before {}", first->value(), from.value()));
    }
    gaps |= !first || from < *first || next < to;
    from = std::min(from, first.value_or(from));
    to = first ? std::max(to, next) : to;
  } else {
    if (!first) co_return true;
    from = *first;
    to = next;
  }
  const DamagedRange* const damage = state_.damage_from(from);
  if (damage == nullptr || damage->from >= to) co_return true;
  if (damage->from < from || to > synced_end_) {
    co_return refuse(
        ErrorCode::offset_out_of_range,
        fmt::format("batches [{}, {}) do not begin at the damaged range [{}, {}) or reach behind {}",
                    from.value(), to.value(), damage->from.value(), damage->to.value(), synced_end_.value()));
  }
  // Only whole, sealed files are replaced.
  if (!state_.active().empty() && state_.active().base < to) {
    if (auto rolled = co_await roll_in_turn(); !rolled) co_return tl::unexpected(rolled.error());
  }
  if (auto admitted = co_await wait_admitted(); !admitted) co_return tl::unexpected(admitted.error());
  const auto touched = [&](const SegmentState& segment) {
    return &segment != &state_.active() && segment.base < to && segment.next > from;
  };
  while (std::ranges::any_of(state_.segments, [&](const SegmentState& segment) {
    return touched(segment) && segment.written < segment.end;
  })) {
    if (auto passed = co_await shard_.write_back().pass({.bytes_min = 1}); !passed) {
      co_return refuse(ErrorCode::kafka_storage_error, passed.error().describe());
    }
    co_await wait_writes();
    if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
  }
  std::vector<SegmentState> old;
  for (const SegmentState& segment : state_.segments) {
    if (touched(segment)) old.push_back(segment);
  }
  const auto all_there = [&] {
    return std::ranges::all_of(
        old, [&](const SegmentState& segment) { return std::as_const(state_).find(segment.id) != nullptr; });
  };
  const auto file = co_await shard_.file_ids().next();
  if (!file) co_return refuse(ErrorCode::kafka_storage_error, file.error().describe());
  StoreContext& context = shard_.context();
  if (auto made = context.wrote(co_await make_file(*file)); !made)
    co_return refuse(ErrorCode::kafka_storage_error, made.error().describe());
  // A crash from here to the record leaves a file that is nobody's.
  const Offset base = old.empty() ? from : std::min(old.front().base, from);
  SegmentOutput output(shard_.files(), shard_.context().folder_of(id()), *file, base);
  const auto write = [&]() -> runtime::Task<Served<void>> {
    for (const SegmentState& segment : old) {
      if (auto copied = co_await copy_readable(segment, segment.base, from, output); !copied)
        co_return copied;
    }
    BatchSplitter splitter(batches, {.check_crc = false});
    while (!splitter.done()) {
      const auto batch = splitter.next();
      if (auto added = context.wrote(co_await output.add(batch->header(), batch->bytes())); !added) {
        co_return refuse(ErrorCode::kafka_storage_error, added.error().describe());
      }
    }
    for (const SegmentState& segment : old) {
      if (auto copied = co_await copy_readable(segment, to, segment.next, output); !copied) co_return copied;
    }
    auto finished = context.wrote(co_await output.finish());
    if (finished) finished = co_await context.sync_files();
    if (finished) co_return {};
    co_return refuse(ErrorCode::kafka_storage_error, finished.error().describe());
  };
  if (auto written = co_await write(); !written) {
    shard_.remove_file_when_durable(*this, *file, 0);
    // Perhaps since the segment that was being read left the log.
    if (!all_there() && !refusal(false)) co_return false;
    co_return tl::unexpected(written.error());
  }
  (void)co_await wait_structure_room();
  if (auto refused = refusal(false)) {
    shard_.remove_file_when_durable(*this, *file, 0);
    co_return tl::unexpected(std::move(*refused));
  }
  // The start may have moved meanwhile and taken some of them, whose batches the file begins with; or compaction has
  // put others in their place.
  if (!all_there()) {
    shard_.remove_file_when_durable(*this, *file, 0);
    co_return false;
  }
  SegmentState added{.id = *file,
                     .base = base,
                     .next = old.empty() ? to : std::max(old.back().next, to),
                     .end = output.end(),
                     .timestamp_max = output.timestamp_max(),
                     .first_append_ms = old.empty() ? -1 : old.front().first_append_ms,
                     .compacted = gaps || std::ranges::any_of(old, &SegmentState::compacted)};
  added.set_whole();
  RepairRange record{
      .head = {}, .from = from, .to = to, .removed = {}, .added = {}, .left = left_damaged(added, from, to)};
  // What is left damaged is a gap in the file, and so may be what lies before the log's start.
  added.compacted |= !record.left.empty() || base < state_.start;
  record.added.push_back(added);
  for (const SegmentState& segment : old) record.removed.push_back(segment.id);
  ++repairs_;
  admit_structure(std::move(record));
  state_.producers_incomplete = unknown;
  if (auto durable = co_await wait_structure(state_.version); !durable)
    co_return tl::unexpected(durable.error());
  co_return true;
}

// Whether records may be missing since they were superseded: here or, as its topic is set, with other replicas. A log that is
// not compacted any more keeps the gaps that it has.
bool PartitionLog::is_compacted() const {
  return config_.cleanup_compact || state_.cleaned_to > state_.start;
}

std::vector<DamagedRange> PartitionLog::left_damaged(const SegmentState& segment, Offset from,
                                                     Offset to) const {
  // One record has room for them. More are named with what lies between: that is put back as well then.
  constexpr size_t kRangesMax = 128;
  constexpr size_t kWhatMax = 200;
  std::vector<DamagedRange> left;
  const auto add = [&](Offset begin, Offset end, const std::string& what) {
    begin = std::max(begin, segment.base);
    end = std::min(end, segment.next);
    if (begin >= end) return;
    if (left.size() == kRangesMax) {
      left.back().to = end;
    } else {
      left.push_back({begin, end, what.substr(0, kWhatMax)});
    }
  };
  for (const DamagedRange& damage : state_.damages) {
    add(damage.from, std::min(damage.to, from), damage.what);
    add(std::max(damage.from, to), damage.to, damage.what);
  }
  return left;
}

}  // namespace godwit::storage
