#include "storage/compaction.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "record/batches.h"
#include "record/filter_batch.h"
#include "storage/log_shard.h"
#include "storage/segment_output.h"

namespace godwit::storage {
namespace {

constexpr size_t kReadBytes = 1 << 20;
// Segments that one record names, old and new ones: what it says of them stays far below a journal entry's 64 KiB.
constexpr size_t kSwappedMax = 256;

bool has_tombstone(const BatchView& batch) {
  auto reader = RecordReader::open(batch);
  if (!reader) return false;
  Record record;
  for (;;) {
    const auto more = reader->next(record);
    if (!more || !*more) return false;
    if (!record.value) return true;
  }
}

// Offsets between two segments that no file has. In one file with both they would end compaction there (plan_compaction).
bool damage_between(const LogState& state, const SegmentState& before, const SegmentState& behind) {
  const DamagedRange* const damage = state.damage_from(before.next);
  return damage != nullptr && damage->from < behind.base;
}

}  // namespace

runtime::Task<Result<SegmentRead>> Compaction::read(PartitionLog& log, FileId file, Offset from) {
  auto read = co_await log.read_segment(file, from, kReadBytes);
  if (!read && (read.error().kind == ErrorKind::corrupt || read.error().kind == ErrorKind::io)) {
    co_await log.note_damage(file, from, read.error().describe());
  }
  co_return read;
}

runtime::Task<Result<KeyOffsets>> Compaction::keys_of(PartitionLog& log, CompactionPlan& plan) {
  KeyOffsets keys(context_.options.compaction_key_bytes);
  for (size_t i = 0; i < plan.segments.size(); ++i) {
    const SegmentState segment = plan.segments[i];
    Offset from = std::max(segment.base, plan.dirty_from);
    while (from < segment.next) {
      auto part = co_await read(log, segment.id, from);
      if (!part) co_return fail(std::move(part).error());
      if (part->batches.empty()) break;
      const Bytes bytes = part->batches.flatten();
      bool full = false;
      auto walked =
          for_each_batch(bytes, {.check_crc = false}, [&](const BatchView& batch, size_t) -> Result<void> {
            if (full || batch.header().attributes.control() || batch.header().record_count == 0) return {};
            auto reader = RecordReader::open(batch);
            if (!reader) return fail(reader.error());
            Record record;
            for (;;) {
              const auto more = reader->next(record);
              if (!more) return fail(more.error());
              if (!*more) return {};
              // An earlier pass may have ended in the middle of a batch: its first keys would take the room again.
              if (!record.key || record.offset < plan.dirty_from) continue;
              if (keys.note(*record.key, record.offset)) continue;
              full = true;
              plan.dirty_to = record.offset;
              return {};
            }
          });
      if (!walked) co_return fail(std::move(walked).error());
      if (full) {
        plan.segments.resize(plan.dirty_to > segment.base ? i + 1 : i);
        GW_CHECK(!plan.segments.empty() && plan.dirty_to > plan.dirty_from, "one key always finds room");
        co_return keys;
      }
      from = part->next;
    }
  }
  co_return keys;
}

runtime::Task<Result<void>> Compaction::copy(PartitionLog& log, const CompactionPlan& plan,
                                             const KeyOffsets& keys, size_t first, size_t last,
                                             SegmentOutput& output) {
  const WallTime now = runtime::Shard::current()->wall_now();
  for (size_t i = first; i < last; ++i) {
    const SegmentState segment = plan.segments[i];
    Offset from = segment.base;
    while (from < segment.next) {
      auto part = co_await read(log, segment.id, from);
      if (!part) co_return fail(std::move(part).error());
      if (part->batches.empty()) break;
      const Bytes bytes = part->batches.flatten();
      BatchSplitter splitter(bytes, {.check_crc = false});
      while (!splitter.done()) {
        const auto batch = splitter.next();
        if (!batch) co_return fail(batch.error());
        const BatchHeader& header = batch->header();
        if (header.last_offset() < from) continue;
        // Transaction markers stay; they are few. And what this pass does not compare.
        if (header.attributes.control() || header.base_offset >= plan.dirty_to) {
          GW_TRY(co_return, context_.wrote(co_await output.add(header, batch->bytes())));
          continue;
        }
        // Tombstones go once the horizon that an earlier cleaning gave their batch has passed (KIP-534): of a batch of which
        // all was compared, with all that lies before it. An older value may yet be found in what was not, or be put back
        // where the log is damaged.
        const DamagedRange* const damage = log.state().damage_from(log.start());
        const bool compared = header.next_offset() <= plan.dirty_to &&
                              (damage == nullptr || damage->from >= header.base_offset);
        const auto horizon = header.delete_horizon_ms();
        const bool tombstones_go = compared && horizon && *horizon <= now.ms;
        // The last batch of what is committed stands for the log's end: nothing may ever follow it (the active segment is
        // empty, or what is in it is truncated), and a new follower could not tell that its log is whole.
        const bool ends_log = header.next_offset() >= log.high_watermark();
        FilterOptions options{.keep_when_empty = ends_log || log.is_last_of_producer(header)};
        if (compared && !horizon && has_tombstone(*batch)) {
          options.set_delete_horizon_ms = now.ms + log.config().delete_retention_ms;
        }
        const auto filtered = filter_batch(
            *batch,
            [&](const Record& record) {
              // A record without a key cannot be compacted; such were refused since the topic is compacted.
              if (!record.key) return false;
              if (!record.value && tombstones_go) return false;
              return keys.is_newest(*record.key, record.offset);
            },
            options);
        if (!filtered) co_return fail(filtered.error());
        if (filtered->outcome == FilterOutcome::dropped) continue;
        if (filtered->outcome == FilterOutcome::unchanged) {
          GW_TRY(co_return, context_.wrote(co_await output.add(header, batch->bytes())));
        } else {
          const BatchHeader rebuilt = BatchHeader::load(filtered->batch);
          GW_TRY(co_return, context_.wrote(co_await output.add(rebuilt, filtered->batch)));
        }
      }
      from = part->next;
    }
  }
  co_return {};
}

runtime::Task<Result<void>> Compaction::rewrite(PartitionLog& log, const CompactionPlan& plan,
                                                const KeyOffsets& keys, SwapSegments& swap) {
  for (size_t first = 0; first < plan.segments.size();) {
    // Neighbours that together fit one segment become one: else small ones would gather.
    size_t last = first + 1;
    uint64_t size = plan.segments[first].end.value();
    while (last < plan.segments.size() && last - first < kSwappedMax / 2 &&
           size + plan.segments[last].end.value() <= static_cast<uint64_t>(log.config().segment_bytes) &&
           !damage_between(log.state(), plan.segments[last - 1], plan.segments[last])) {
      size += plan.segments[last++].end.value();
    }
    const auto id = co_await shard_.file_ids().next();
    if (!id) co_return fail(id.error());
    swap.added.push_back({.id = *id,
                          .base = plan.segments[first].base,
                          .next = plan.segments[last - 1].next,
                          .first_append_ms = plan.segments[first].first_append_ms,
                          .compacted = true});
    GW_TRY(co_return, context_.wrote(co_await log.make_output_file(*id)));
    SegmentOutput output(shard_.files(), context_.folder_of(log.id()), *id, plan.segments[first].base);
    GW_TRY(co_return, co_await copy(log, plan, keys, first, last, output));
    GW_TRY(co_return, context_.wrote(co_await output.finish()));
    SegmentState& added = swap.added.back();
    added.end = output.end();
    added.timestamp_max = output.timestamp_max();
    added.set_whole();
    for (; first < last; ++first) swap.removed.push_back(plan.segments[first].id);
  }
  co_return co_await context_.sync_files();
}

runtime::Task<Result<void>> Compaction::compact(std::shared_ptr<PartitionLog> log, CompactionPlan plan) {
  const uint64_t repairs = log->repairs();
  const Offset end = plan.dirty_to;
  const auto keys = co_await keys_of(*log, plan);
  if (!keys) co_return fail(keys.error());
  if (plan.segments.empty()) co_return {};
  SwapSegments swap{.head = {}, .removed = {}, .added = {}, .cleaned_to = plan.dirty_to};
  if (auto done = co_await rewrite(*log, plan, *keys, swap); !done) {
    // No record speaks of them.
    for (const SegmentState& added : swap.added) shard_.remove_file_when_durable(*log, added.id, 0);
    co_return done;
  }
  // In parts that a record of the journal has room for, in their order: what one lost, a later one or itself has newer, and a
  // tombstone that goes has nothing before it any more.
  auto old = plan.segments.begin();
  SwapSegments part{.head = {}, .removed = {}, .added = {}, .cleaned_to = {}};
  std::vector<SegmentState> replaced;
  for (size_t i = 0; i < swap.added.size(); ++i) {
    part.added.push_back(swap.added[i]);
    for (; old != plan.segments.end() && old->next <= swap.added[i].next; ++old) {
      part.removed.push_back(old->id);
      replaced.push_back(*old);
    }
    const bool last = i + 1 == swap.added.size();
    if (!last && part.added.size() + part.removed.size() < kSwappedMax) continue;
    part.cleaned_to = std::min(swap.cleaned_to, swap.added[i].next);
    if (auto done = co_await log->swap_segments(std::move(part), replaced, repairs); !done) co_return done;
    if (std::ranges::any_of(replaced,
                            [&](const SegmentState& was) { return log->state().find(was.id) != nullptr; })) {
      // The log changed meanwhile; the parts behind would lose tombstones of what is still there.
      for (++i; i < swap.added.size(); ++i) shard_.remove_file_when_durable(*log, swap.added[i].id, 0);
      break;
    }
    part = {.head = {}, .removed = {}, .added = {}, .cleaned_to = {}};
    replaced.clear();
  }
  more_ |= plan.dirty_to < end && log->state().cleaned_to >= plan.dirty_to;
  co_return {};
}

runtime::Task<void> Compaction::pass() {
  const auto lock = co_await one_pass_.lock();
  for (const auto& log : shard_.logs()) {
    if (closed_ || context_.failed || !context_.space_left) co_return;
    if (log->dropping() || !log->config().cleanup_compact) continue;
    auto plan = plan_compaction(log->state(), runtime::Shard::current()->wall_now());
    if (!plan) continue;
    const auto done = co_await compact(log, std::move(*plan));
    if (done) context_.metrics.compactions.add();
    if (!done && !log->dropping()) {
      context_.diagnostics.emit(
          {Severity::warning,
           "log.not_compacted",
           "a log could not be compacted; it stays as it was and is tried again",
           {{"partition", context_.folder_of(log->id())}, {"why", done.error().describe()}}});
    }
  }
}

runtime::Task<void> Compaction::run() {
  while (!closed_) {
    const MonotonicTime next = runtime::Shard::current()->now() + context_.options.compaction_interval;
    if (!std::exchange(more_, false) && co_await stop_.wait_until(next)) continue;
    co_await pass();
  }
}

void Compaction::close() {
  closed_ = true;
  stop_.notify_all();
}

}  // namespace godwit::storage
