// Which batches of a file can be believed to stand where they say: pure half of rebuild_scan.h.
#include <algorithm>

#include "storage/rebuild_scan.h"

namespace godwit::storage {

void JournalledRanges::add(Position from, Position to) {
  if (from >= to) return;
  auto at = ranges_.upper_bound(from);
  if (at != ranges_.begin() && std::prev(at)->second >= from) {
    --at;
    from = at->first;
  }
  while (at != ranges_.end() && at->first <= to) {
    to = std::max(to, at->second);
    at = ranges_.erase(at);
  }
  ranges_.emplace(from, to);
}

bool JournalledRanges::covers(Position from, Position to) const {
  const auto behind = ranges_.upper_bound(from);
  return behind != ranges_.begin() && std::prev(behind)->second >= to;
}

void keep_witnessed(FoundFile& file, std::optional<Offset> base) {
  std::vector<FoundBatch> kept;
  // Where the next batch begins if nothing is left out; not known at the start of a file of which nothing else is.
  std::optional<Offset> expected = base;
  Offset smallest = base.value_or(Offset(0));
  LeaderEpoch epoch = kNoLeaderEpoch;
  // By batches that were left out since the last that was kept: where they say that they end, how many offsets they have.
  std::optional<Offset> claimed;
  int64_t left_out = 0;
  const auto is_begun = [&] { return base.has_value() || !kept.empty(); };
  bool gaps = file.compacted;
  for (size_t i = 0; i < file.batches.size(); ++i) {
    const FoundBatch& batch = file.batches[i];
    const FoundBatch* const next = i + 1 < file.batches.size() ? &file.batches[i + 1] : nullptr;
    const bool follows = expected && batch.base == *expected;
    const bool is_followed = next != nullptr && next->base == batch.next;
    // An epoch that is above the next batch's may be the wrong one of the two.
    const bool epoch_stands =
        batch.epoch >= epoch && (next == nullptr || batch.epoch == epoch || batch.epoch <= next->epoch);
    const bool believed = batch.witnessed || ((follows || is_followed) && epoch_stands);
    if (!believed || (is_begun() && batch.base < smallest)) {
      if (!claimed && !is_begun()) smallest = batch.base;
      claimed = std::max(claimed.value_or(batch.next), batch.next);
      left_out += batch.next - batch.base;
      if (expected) expected = *expected + (batch.next - batch.base);
      continue;
    }
    // At the start of a file of which nothing is known, they stood right before the first that is believed.
    if (claimed && !is_begun()) smallest = Offset(std::max<int64_t>(0, batch.base.value() - left_out));
    if (claimed && batch.base > smallest) file.damaged.emplace_back(smallest, batch.base);
    if (!claimed && expected && batch.base > *expected) gaps = true;
    claimed.reset();
    left_out = 0;
    kept.push_back(batch);
    expected = smallest = batch.next;
    epoch = batch.epoch;
  }
  if (claimed) {
    // Without gaps it is known how many offsets were given; else what they claim is not given again.
    const Offset to = expected && !gaps ? *expected : *claimed;
    if (to > smallest) file.damaged.emplace_back(smallest, to);
  }
  file.batches = std::move(kept);
}

}  // namespace godwit::storage
