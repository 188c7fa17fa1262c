// Producers that a truncation took, or a repair put back, are found in the records.
#include <algorithm>
#include <utility>

#include "record/batches.h"
#include "storage/log_shard.h"
#include "storage/partition_log.h"

namespace godwit::storage {
namespace {

constexpr size_t kStep = 1 << 20;
// Between two steps of what nobody waits for: 64 MiB/s and shard at most, for acknowledgements wait for the same disk.
constexpr Duration kPace = std::chrono::milliseconds(16);

}  // namespace

// Producers that were last seen there, before the next segment began, are forgotten by now.
bool PartitionLog::are_producers_forgotten(Offset offset) const {
  const SegmentState* const segment = state_.find(offset);
  if (segment == nullptr || segment == &state_.active()) return false;
  const int64_t left_ms = (segment + 1)->first_append_ms;
  return left_ms >= 0 && runtime::Shard::current()->wall_now().ms - left_ms > config_.producer_expiration_ms;
}

runtime::Task<Served<bool>> PartitionLog::seek_producers() {
  const int64_t began_ms = runtime::Shard::current()->wall_now().ms;
  const uint64_t rewrites = rewrites_;
  const Offset until = synced_end_;
  ProducerState found;
  Offset from = state_.start;
  // A device may stumble once, and compaction put another file in the place of the one that was read.
  bool again = false;
  for (;;) {
    // What is read from memory does not wait, and others have something to do.
    co_await runtime::yield();
    if (auto refused = refusal(false)) co_return tl::unexpected(std::move(*refused));
    if (rewrites != rewrites_ || !state_.producers_incomplete) co_return false;
    // Retention may have moved it.
    from = std::max(from, state_.start);
    if (from >= until) break;
    const SegmentState* const segment = state_.find(from);
    if (segment == nullptr) break;
    from = std::max(from, segment->base);
    if (from >= until) break;
    // What cannot be read tells nothing.
    if (const DamagedRange* damage = state_.damage_from(from); damage != nullptr && damage->from <= from) {
      from = damage->to;
      continue;
    }
    if (are_producers_forgotten(from)) {
      from = std::max(from + 1, segment->next);
      continue;
    }
    auto part = co_await read({.from = from, .bytes_max = kStep, .end = until});
    if (!part || part->next <= from) {
      if (from < state_.start) continue;
      if (const DamagedRange* damage = state_.damage_from(from); damage != nullptr && damage->from <= from) {
        continue;
      }
      if (std::exchange(again, true)) {
        // No memory, no descriptor: who asks again may have them. With the rest alone a repeated batch would be taken for a new one.
        if (part)
          co_return refuse(ErrorCode::kafka_storage_error, "the log cannot be read for its producers");
        co_return tl::unexpected(part.error());
      }
      continue;
    }
    again = false;
    from = part->next;
    Bytes bytes = part->batches.flatten();
    // Others read with that memory meanwhile.
    part->batches = {};
    BatchSplitter splitter(bytes, {.check_crc = false});
    while (!splitter.done()) {
      const auto batch = splitter.next();
      if (!batch) break;
      const BatchHeader& header = batch->header();
      const auto claim = claim_of(header);
      if (!claim) continue;
      found.record(*claim, header.base_offset, header.last_offset(), header.max_timestamp_ms, began_ms);
      // To remember how to undo it takes more memory than a small batch has bytes.
      found.settle(header.next_offset());
    }
    bytes = {};
    const MonotonicTime next = runtime::Shard::current()->now() + kPace;
    while (!producers_awaited_ && !refusal(false) && runtime::Shard::current()->now() < next)
      co_await changed_.wait_until(next);
  }
  // One whose batches were all admitted since it began may have been forgotten meanwhile: older ones do not bring it back.
  found.expire(runtime::Shard::current()->wall_now().ms, config_.producer_expiration_ms);
  state_.producers.settle(until);
  state_.producers.add_found(found);
  state_.producers_incomplete = false;
  co_return true;
}

runtime::Task<Served<void>> PartitionLog::rebuild_producers() {
  producers_awaited_ = true;
  changed_.notify_all();
  while (seeking_) co_await changed_.wait();
  Served<void> outcome;
  while (state_.producers_incomplete && outcome) {
    seeking_ = true;
    const auto sought = co_await seek_producers();
    seeking_ = false;
    changed_.notify_all();
    if (!sought) outcome = tl::unexpected(sought.error());
  }
  producers_awaited_ = false;
  co_return outcome;
}

void PartitionLog::seek_if_incomplete() {
  if (!state_.producers_incomplete || std::exchange(in_search_, true)) return;
  shard_.producer_search().add(weak_from_this());
}

runtime::Task<bool> PartitionLog::seek_incomplete() {
  const auto self = shared_from_this();
  // Where an append is at it, that may fail.
  if (!seeking_ && state_.producers_incomplete) {
    seeking_ = true;
    (void)co_await seek_producers();
    seeking_ = false;
    changed_.notify_all();
  }
  // A log that takes nothing any more will not.
  in_search_ = state_.producers_incomplete && !refusal(false);
  co_return !in_search_;
}

}  // namespace godwit::storage
