// Reading: batches from memory where they are, else from the segment files.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "record/batches.h"
#include "record/timestamp_lookup.h"
#include "storage/log_shard.h"
#include "storage/partition_log.h"

namespace godwit::storage {

BatchHeader PartitionLog::header_at(const Tail& tail, Position position) {
  std::byte bytes[kBatchHeaderSize];
  tail.copy(position, bytes);
  return BatchHeader::load(bytes);
}

std::optional<PartitionLog::TailStart> PartitionLog::tail_start(const SegmentState& segment,
                                                                const SegmentLive& l) const {
  if (!l.tail || l.tail->first() >= segment.end) return std::nullopt;
  const bool has_boundary = segment.boundary >= l.tail->first() && segment.boundary < segment.end;
  const TailStart start = has_boundary ? TailStart{segment.boundary_offset, segment.boundary}
                                       : TailStart{segment.resume_offset, segment.resume};
  // What is cached of the file before that.
  const auto entries = l.entries();
  const auto cached = std::ranges::lower_bound(entries, l.tail->first(), {}, &IndexEntry::position);
  if (cached != entries.end() && cached->position < start.position) {
    return TailStart{cached->offset, cached->position};
  }
  if (start.position >= segment.end) return std::nullopt;
  return start;
}

std::optional<Position> PartitionLog::locate(const SegmentState& segment, const SegmentLive& l,
                                             Offset offset) const {
  for (const ReadHint& hint : hints_) {
    if (hint.offset == offset && hint.file == segment.id && hint.position >= l.tail->first() &&
        hint.position < segment.end) {
      return hint.position;
    }
  }
  const auto start = tail_start(segment, l);
  if (!start || offset < start->offset) return std::nullopt;
  Position at = start->position;
  const auto entries = l.entries();
  const auto entry = std::ranges::upper_bound(entries, offset, {}, &IndexEntry::offset);
  if (entry != entries.begin() && (entry - 1)->position > at) at = (entry - 1)->position;
  while (at < segment.end) {
    const BatchHeader header = header_at(*l.tail, at);
    if (header.last_offset() >= offset) return at;
    at += header.total_size();
  }
  return std::nullopt;
}

void PartitionLog::remember(const ReadHint& hint) {
  hints_[next_hint_++ % hints_.size()] = hint;
}

Served<ReadAnswer> PartitionLog::read_tail(const SegmentState& segment, const SegmentLive& l,
                                           ReadRequest request) {
  const auto from = locate(segment, l, request.from);
  // A truncation into a gap left nothing behind there.
  if (!from) return ReadAnswer{.batches = {}, .next = segment.next};
  ReadAnswer answer{.batches = {}, .next = request.from};
  Position at = *from;
  if (segment.end - at <= request.bytes_max && request.end >= segment.next) {
    at = segment.end;
    answer.next = segment.next;
  } else {
    // Whole stretches first, as far as the index knows that they fit.
    const auto entries = l.entries();
    auto entry = std::ranges::upper_bound(entries, at + request.bytes_max, {}, &IndexEntry::position);
    while (entry != entries.begin() && (entry - 1)->position > at && (entry - 1)->offset > request.end)
      --entry;
    if (entry != entries.begin() && (entry - 1)->position > at) {
      at = (entry - 1)->position;
      answer.next = (entry - 1)->offset;
    }
    while (at < segment.end) {
      const BatchHeader header = header_at(*l.tail, at);
      if (header.base_offset >= request.end) break;
      const bool first = at == *from && request.at_least_one;
      if (at + header.total_size() - *from > request.bytes_max && !first) break;
      at += header.total_size();
      answer.next = header.next_offset();
    }
  }
  if (shard_.arena()->pinned_much()) {
    answer.batches = Chain(SharedBytes::own(l.tail->pin(*from, at).flatten()));
  } else {
    answer.batches = l.tail->pin(*from, at);
  }
  if (at < segment.end || &segment == &state_.active()) remember({answer.next, segment.id, at});
  return answer;
}

runtime::Task<Served<ReadAnswer>> PartitionLog::read(ReadRequest request) {
  const auto self = shared_from_this();
  ReadAnswer answer{.batches = {}, .next = request.from};
  bool first = true;
  for (;;) {
    if (dropped_) co_return refuse(ErrorCode::unknown_topic_or_partition, "the partition was deleted");
    if (request.from < state_.start || request.from > end()) {
      if (!first) co_return answer;
      co_return refuse(ErrorCode::offset_out_of_range,
                       fmt::format("offset {} is not between the log's start {} and its end {}",
                                   request.from.value(), state_.start.value(), end().value()));
    }
    request.end = std::min(request.end, end());
    if (const DamagedRange* damage = state_.damage_from(request.from)) {
      if (damage->from <= request.from && request.from < request.end) {
        if (!first) co_return answer;
        co_return refuse(ErrorCode::kafka_storage_error,
                         fmt::format("offsets {} to {} are damaged: {}", damage->from.value(),
                                     damage->to.value(), damage->what));
      }
      request.end = std::min(request.end, damage->from);
    }
    if (request.from >= request.end) co_return answer;
    const SegmentState* const segment = state_.find(request.from);
    if (segment == nullptr) co_return answer;
    request.from = std::max(request.from, segment->base);
    if (request.from >= request.end) co_return answer;
    const SegmentLive* const l = find_live(segment->id);
    const Offset segment_next = segment->next;
    // One that was cut may end with a gap, whatever was in it.
    const bool may_have_gaps = segment->compacted || segment != &std::as_const(state_).active();
    Served<ReadAnswer> part;
    bool in_tail = false;
    bool nothing_left = false;
    const FileId file = segment->id;
    if (const auto start = l != nullptr ? tail_start(*segment, *l) : std::nullopt;
        start && request.from >= start->offset) {
      in_tail = true;
      part = read_tail(*segment, *l, request);
      nothing_left = part && part->batches.empty() && part->next > request.from;
    } else {
      auto of_file = co_await read_file(segment->id, request);
      if (of_file && !*of_file) co_return answer;
      part = of_file ? Served<ReadAnswer>(std::move(**of_file)) : tl::unexpected(std::move(of_file.error()));
    }
    if (!part) {
      if (!first) co_return answer;
      co_return part;
    }
    if (part->batches.empty()) {
      // The tail has a batch there, which does not fit any more.
      if (!nothing_left && (in_tail || !may_have_gaps || part->next > request.from)) co_return answer;
      // It was cut while it was read: whoever asks again is told what there is.
      const SegmentState* const now = std::as_const(state_).find(file);
      if (now != nullptr && now->next != segment_next) co_return answer;
      // Compaction or a truncation left nothing from here to the segment's end, or before the end that was asked for.
      request.from = answer.next = std::min(segment_next, request.end);
      continue;
    }
    request.bytes_max -= std::min(request.bytes_max, part->batches.size());
    request.at_least_one = false;
    request.may_wait = false;
    request.from = answer.next = part->next;
    answer.batches.append(std::move(part->batches));
    first = false;
    if (request.bytes_max == 0) co_return answer;
  }
}

runtime::Task<Served<PartitionLog::Place>> PartitionLog::place_of(Offset offset) {
  const SegmentState* const segment = state_.find(offset);
  GW_CHECK(segment != nullptr, "the offset lies before the log's end");
  const FileId file = segment->id;
  if (offset <= segment->base) co_return Place{file, Position(0), offset};
  const SegmentLive* const l = find_live(file);
  if (const auto start = l != nullptr ? tail_start(*segment, *l) : std::nullopt;
      start && offset >= start->offset) {
    const auto at = locate(*segment, *l, offset);
    // An earlier truncation ended in a gap, and this one does.
    if (!at) co_return Place{file, segment->end, offset};
    const Offset base = header_at(*l->tail, *at).base_offset;
    co_return Place{file, *at, std::max(std::min(base, offset), state_.start)};
  }
  const auto read = co_await read_file(file, {.from = offset, .bytes_max = 1, .end = state_.end});
  if (!read) co_return tl::unexpected(read.error());
  if (!*read)
    co_return refuse(ErrorCode::kafka_storage_error, "no memory to look for the place of an offset with");
  // Compaction left nothing between there and the file's end.
  if ((*read)->batches.empty()) {
    const SegmentState* const now = state_.find(file);
    co_return Place{file, now == nullptr ? Position(0) : now->end, offset};
  }
  const auto header = BatchHeader::load((*read)->batches.flatten());
  co_return Place{file, last_file_position_, std::max(std::min(header.base_offset, offset), state_.start)};
}

namespace {

// A compressed batch that was taken as it came (docs/decisions/0004-compressed-batches-not-opened.md) and does not open: what is
// asked of its log counts it by its header, and is not refused for ever on its account.
std::optional<TimestampHit> by_header(const BatchView& batch, Offset start) {
  const BatchHeader& header = batch.header();
  if (header.last_offset() < start || header.max_timestamp_ms == kNoTimestamp) return std::nullopt;
  return TimestampHit{std::max(header.base_offset, start), header.max_timestamp_ms};
}

}  // namespace

runtime::Task<Served<std::optional<TimestampedOffset>>> PartitionLog::search(
    Offset from, Offset end, std::function<Result<bool>(const BatchView&)> visit) {
  constexpr size_t kStep = 256 << 10;
  for (;;) {
    // Retention or DeleteRecords may move the log's start whenever this waits: what is gone is not looked for.
    from = std::max(from, state_.start);
    if (from >= end) break;
    const auto part = co_await read({.from = from, .bytes_max = kStep, .end = end});
    if (!part) {
      if (from < state_.start) continue;
      co_return tl::unexpected(part.error());
    }
    if (part->batches.empty()) {
      if (part->next <= from) break;
      from = part->next;
      continue;
    }
    const Bytes bytes = part->batches.flatten();
    BatchSplitter splitter(bytes, {.check_crc = false});
    while (!splitter.done()) {
      const auto batch = splitter.next();
      const Result<bool> go_on = batch ? visit(*batch) : Result<bool>(fail(batch.error()));
      if (!go_on) co_return refuse(ErrorCode::kafka_storage_error, go_on.error().message);
      if (!*go_on) co_return std::nullopt;
      // To open one may take long.
      if (batch->header().attributes.compression() != CompressionType::none) co_await runtime::yield();
    }
    from = part->next;
  }
  co_return std::nullopt;
}

runtime::Task<Served<std::optional<TimestampedOffset>>> PartitionLog::find_timestamp(int64_t timestamp_ms,
                                                                                     Offset end) {
  const auto self = shared_from_this();
  end = std::min(end, this->end());
  Offset from = state_.start;
  for (;; from = std::max(from, state_.start)) {
    if (from >= end) break;
    const SegmentState* const segment = state_.find(from);
    if (segment == nullptr) break;
    const Offset next = segment->next;
    if (segment->timestamp_max < timestamp_ms) {
      from = next;
      continue;
    }
    from = std::max({from, segment->base, state_.start});
    const FileId file = segment->id;
    const auto skipped = co_await skip_to_timestamp(file, timestamp_ms);
    if (!skipped && state_.find(file) == nullptr) continue;
    if (!skipped) co_return tl::unexpected(skipped.error());
    from = std::max(from, *skipped);
    std::optional<TimestampedOffset> found;
    const auto searched =
        co_await search(from, std::min(next, end), [&](const BatchView& batch) -> Result<bool> {
          if (batch.header().max_timestamp_ms < timestamp_ms) return true;
          auto hit = find_at_or_after(batch, timestamp_ms, state_.start);
          if (!hit) hit = by_header(batch, state_.start);
          if (!*hit) return true;
          found = TimestampedOffset{(*hit)->offset, (*hit)->timestamp_ms, batch.header().leader_epoch};
          return false;
        });
    if (!searched) co_return tl::unexpected(searched.error());
    if (found) co_return found->offset < end ? found : std::nullopt;
    from = next;
  }
  co_return std::nullopt;
}

runtime::Task<Served<std::optional<TimestampedOffset>>> PartitionLog::find_timestamp_max(Offset end) {
  const auto self = shared_from_this();
  end = std::min(end, this->end());
  std::optional<TimestampedOffset> best;
  Offset began = state_.start;
  Offset from = began;
  for (;; from = std::max(from, state_.start)) {
    if (from >= end) break;
    const SegmentState* const segment = state_.find(from);
    if (segment == nullptr) break;
    const Offset next = segment->next;
    if (best && segment->timestamp_max <= best->timestamp) {
      from = next;
      continue;
    }
    from = std::max({from, segment->base, state_.start});
    if (const auto skipped = co_await skip_to_timestamp(segment->id, segment->timestamp_max); skipped) {
      // Where the largest is known to be the segment's, what stands before it is not looked at.
      if (next <= end) from = std::max(from, *skipped);
    }
    const auto searched =
        co_await search(from, std::min(next, end), [&](const BatchView& batch) -> Result<bool> {
          if (best && batch.header().max_timestamp_ms <= best->timestamp) return true;
          auto hit = find_max_timestamp(batch);
          if (!hit) hit = by_header(batch, state_.start);
          if (*hit && (!best || (*hit)->timestamp_ms > best->timestamp) && (*hit)->offset < end) {
            best = TimestampedOffset{(*hit)->offset, (*hit)->timestamp_ms, batch.header().leader_epoch};
          }
          return true;
        });
    if (!searched) co_return tl::unexpected(searched.error());
    from = next;
    // It may be gone by now: then all that is left is looked at.
    if (from >= end && best && best->offset < state_.start && state_.start > began) {
      best.reset();
      from = began = state_.start;
    }
  }
  co_return best;
}

}  // namespace godwit::storage
