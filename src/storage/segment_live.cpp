#include "storage/segment_live.h"

#include <algorithm>
#include <utility>

namespace godwit::storage {

void SegmentLive::mark(Sequence sequence, Position from, bool relaxed) {
  // While a remainder is carried forward the marks before it will go: each round then counts for itself. And a start comes by
  // position: behind a remainder that was carried stands what came with an older round, which the carried one's must not hide.
  const bool own =
      carry_under_way || marks.empty() || marks.back().relaxed != relaxed || sequence < marks.back().sequence;
  bool near = false;
  if (!own) {
    // Measured from one that stays.
    auto last = marks.rbegin();
    while (last->extra && std::next(last) != marks.rend()) ++last;
    near = from < last->position + kMarkInterval;
  }
  const bool wanted = std::exchange(mark_next, false);
  if (near && !wanted) return;
  marks.push_back({sequence, from, relaxed, near});
}

void SegmentLive::forget_extra_marks() {
  // Where the one before it came with a later round (a remainder that was carried), that would say too little of it.
  for (size_t i = 1; i < marks.size();) {
    const JournalMark& mark = marks[i];
    const JournalMark& before = marks[i - 1];
    if (mark.extra && mark.position < synced && before.relaxed == mark.relaxed &&
        before.sequence <= mark.sequence) {
      marks.erase(marks.begin() + static_cast<ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

void SegmentLive::carried(Sequence sequence, Position from, Position to, bool relaxed) {
  // What lies behind it came with another round, and the mark that says so may stand before it.
  const auto behind = std::ranges::upper_bound(marks, to, {}, &JournalMark::position);
  std::optional<JournalMark> rest;
  if (to < journalled && behind != marks.begin() && std::prev(behind)->position < to)
    rest = *std::prev(behind);
  std::erase_if(marks, [&](const JournalMark& mark) { return mark.position >= from && mark.position < to; });
  auto at = std::ranges::upper_bound(marks, from, {}, &JournalMark::position);
  at = marks.insert(at, {sequence, from, relaxed});
  if (rest) marks.insert(at + 1, {rest->sequence, to, rest->relaxed});
}

std::optional<Sequence> SegmentLive::oldest(bool relaxed, Position end) const {
  std::optional<Sequence> oldest;
  for (const JournalMark& mark : marks) {
    if (mark.position < end && mark.relaxed == relaxed && (!oldest || mark.sequence < *oldest))
      oldest = mark.sequence;
  }
  return oldest;
}

void SegmentLive::forget_marks(Position written) {
  if (written >= journalled) {
    marks.clear();
    return;
  }
  // The last mark at or before `written` is the one that covers it.
  auto kept = std::ranges::upper_bound(marks, written, {}, &JournalMark::position);
  if (kept != marks.begin()) --kept;
  marks.erase(marks.begin(), kept);
}

void SegmentLive::note(const SegmentInfo& info, Position position, const BatchHeader& header,
                       BytesView head) {
  if (position == Position(0)) index.emplace(info);
  // It goes on with a file that another process began.
  if (!index || index->frontier().position != position) {
    index.emplace(WalkState{
        .position = position, .next = header.base_offset, .exact = true, .epoch = header.leader_epoch});
  }
  index->add(header, head, info);
}

}  // namespace godwit::storage
