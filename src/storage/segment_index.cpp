#include "storage/segment_index.h"

#include <algorithm>

#include "base/check.h"
#include "base/crc32c.h"

namespace godwit::storage {

void SegmentIndex::close_interval() {
  if (interval_open_) entries_.back().headers_crc = running_crc_;
  interval_open_ = false;
}

void SegmentIndex::add(const BatchHeader& header, BytesView head, const SegmentInfo& info, bool timestamps) {
  GW_CHECK(!closed_, "nothing is added to a closed index");
  if (timestamps) timestamp_max_ = std::max(timestamp_max_, header.max_timestamp_ms);
  if (!interval_open_ || frontier_.position - entries_.back().position >= kIndexInterval) {
    close_interval();
    entries_.push_back({.offset = header.base_offset,
                        .position = frontier_.position,
                        .timestamp_max = timestamp_max_,
                        .epoch = header.leader_epoch});
    interval_open_ = true;
    running_crc_ = 0;
  }
  running_crc_ = crc32c_extend(running_crc_, head.first(kUncoveredHead));
  frontier_ = frontier_.after(header, info);
}

void SegmentIndex::close() {
  close_interval();
  closed_ = true;
}

void SegmentIndex::learn(std::span<const IndexEntry> entries, Position end) {
  if (closed_) return;
  const Position known = entries_.empty() ? frontier_.position : entries_.back().position;
  // Of the interval that is open here, and may be complete there.
  std::optional<uint32_t> open_crc;
  const auto first = std::ranges::lower_bound(entries, known, {}, &IndexEntry::position);
  if (entries_.empty() && first != entries.end() && first->position > frontier_.position &&
      first->position < end) {
    // What precedes the first of them is an interval as well: without its entry nothing before them is found.
    entries_.push_back({.offset = frontier_.next, .position = frontier_.position, .epoch = frontier_.epoch});
  }
  for (auto at = first; at != entries.end(); ++at) {
    if (at->position >= end) return;
    const bool is_last = at + 1 == entries.end() || (at + 1)->position >= end;
    if (!entries_.empty() && at->position == entries_.back().position) {
      open_crc = at->headers_crc;
      continue;
    }
    if (at->position < frontier_.position) continue;
    // Not to be believed when it goes back.
    if (!entries_.empty() && at->offset <= entries_.back().offset) return;
    if (entries_.empty() && at->position > frontier_.position) {
      // What precedes the first of them is an interval as well: without its entry nothing there is found.
      entries_.push_back(
          {.offset = frontier_.next, .position = frontier_.position, .epoch = frontier_.epoch});
    }
    if (at->position == frontier_.position) {
      close_interval();
    } else if (interval_open_) {
      entries_.back().headers_crc = open_crc;
    }
    interval_open_ = false;
    frontier_ = walk_from(*at);
    timestamp_max_ = std::max(timestamp_max_, at->timestamp_max);
    if (!is_last) entries_.push_back(*at);
  }
}

const IndexEntry* SegmentIndex::before(Offset offset) const {
  const auto behind = std::ranges::upper_bound(entries_, offset, {}, &IndexEntry::offset);
  return behind == entries_.begin() ? nullptr : &*(behind - 1);
}

const IndexEntry* SegmentIndex::before(Position position) const {
  const auto behind = std::ranges::upper_bound(entries_, position, {}, &IndexEntry::position);
  return behind == entries_.begin() ? nullptr : &*(behind - 1);
}

Position SegmentIndex::interval_end(Position position) const {
  const auto behind = std::ranges::upper_bound(entries_, position, {}, &IndexEntry::position);
  return behind == entries_.end() ? frontier_.position : behind->position;
}

WalkState SegmentIndex::walk_from(const IndexEntry& entry) {
  return {.position = entry.position, .next = entry.offset, .exact = true, .epoch = entry.epoch};
}

}  // namespace godwit::storage
