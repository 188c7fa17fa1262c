#include "storage/epoch_history.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::storage {

EpochHistory::EpochHistory(std::vector<EpochStart> starts) : starts_(std::move(starts)) {
  for (size_t i = 1; i < starts_.size(); ++i) {
    GW_CHECK(starts_[i - 1].epoch < starts_[i].epoch && starts_[i - 1].start <= starts_[i].start,
             "epochs rise with their offsets");
  }
}

bool EpochHistory::begin(LeaderEpoch epoch, Offset start) {
  if (!starts_.empty()) {
    GW_CHECK(epoch >= starts_.back().epoch, "a leader epoch never falls");
    if (epoch == starts_.back().epoch) return false;
    GW_CHECK(start >= starts_.back().start, "a later epoch does not begin before an earlier one");
    // An epoch in which nothing was written says nothing about any record.
    if (starts_.back().start == start) starts_.pop_back();
  }
  starts_.push_back({epoch, start});
  return true;
}

void EpochHistory::truncate(Offset end) {
  while (!starts_.empty() && starts_.back().start >= end) starts_.pop_back();
}

void EpochHistory::drop_before(Offset start) {
  // The first epoch that begins behind `start`: the one before it holds `start`.
  const auto behind = std::ranges::find_if(starts_, [&](const EpochStart& e) { return e.start > start; });
  if (behind == starts_.begin()) return;
  starts_.erase(starts_.begin(), behind - 1);
  starts_.front().start = std::max(starts_.front().start, start);
}

std::optional<LeaderEpoch> EpochHistory::latest() const {
  if (starts_.empty()) return std::nullopt;
  return starts_.back().epoch;
}

std::optional<EpochHistory::End> EpochHistory::end_of(LeaderEpoch asked, Offset log_end) const {
  if (starts_.empty() || asked > starts_.back().epoch || asked < LeaderEpoch(0)) return std::nullopt;
  if (asked == starts_.back().epoch) return End{asked, log_end};
  const auto later = std::ranges::find_if(starts_, [&](const EpochStart& e) { return e.epoch > asked; });
  // Older than all that is known: the log's first known epoch is where the answer must send the follower
  // (KIP-279).
  if (later == starts_.begin()) return End{asked, later->start};
  return End{(later - 1)->epoch, later->start};
}

std::optional<LeaderEpoch> EpochHistory::epoch_at(Offset offset) const {
  const auto behind = std::ranges::find_if(starts_, [&](const EpochStart& e) { return e.start > offset; });
  if (behind == starts_.begin()) return std::nullopt;
  return (behind - 1)->epoch;
}

}  // namespace godwit::storage
