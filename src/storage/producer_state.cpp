#include "storage/producer_state.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace godwit::storage {
namespace {

// Sequences run from 0 to the largest int32 and then start again at 0.
int32_t next_sequence(int32_t last) {
  return last == std::numeric_limits<int32_t>::max() ? 0 : last + 1;
}

// One producer from two sources, each of which may have batches that the other one leaves out.
ProducerEntry joined(const ProducerEntry& known, const ProducerEntry& found) {
  const bool found_is_newer = known.batches.empty() || found.batches.empty()
                                  ? found.epoch > known.epoch
                                  : found.batches.back().last_offset > known.batches.back().last_offset;
  ProducerEntry entry{.producer_id = known.producer_id,
                      .epoch = found_is_newer ? found.epoch : known.epoch,
                      .last_seen_ms = std::max(known.last_seen_ms, found.last_seen_ms),
                      .batches = {}};
  std::vector<ProducerBatch> batches;
  for (const ProducerEntry* const source : {&known, &found}) {
    if (source->epoch != entry.epoch) continue;
    batches.insert(batches.end(), source->batches.begin(), source->batches.end());
  }
  std::ranges::stable_sort(batches, {}, &ProducerBatch::last_offset);
  const auto twice = std::ranges::unique(batches, {}, &ProducerBatch::last_offset);
  batches.erase(twice.begin(), twice.end());
  for (const ProducerBatch& batch : batches) entry.batches.push(batch);
  return entry;
}

}  // namespace

void ProducerBatches::push(const ProducerBatch& batch) {
  if (size_ == batches_.size()) {
    std::shift_left(batches_.begin(), batches_.end(), 1);
    --size_;
  }
  batches_[size_++] = batch;
}

ProducerState::Verdict ProducerState::check(const ProducerClaim& claim) const {
  const auto found = producers_.find(claim.producer_id);
  // After retention, or an expiry, nothing is known: the producer cannot help that, so any sequence will do.
  if (found == producers_.end()) return {};
  const ProducerEntry& entry = found->second;
  if (claim.epoch < entry.epoch) return {ErrorCode::invalid_producer_epoch, std::nullopt};
  if (claim.epoch > entry.epoch) {
    if (claim.first_sequence == 0) return {};
    return {ErrorCode::out_of_order_sequence_number, std::nullopt};
  }
  for (const ProducerBatch& batch : entry.batches) {
    if (batch.first_sequence == claim.first_sequence && batch.last_sequence == claim.last_sequence) {
      return {ErrorCode::none, batch};
    }
  }
  if (entry.batches.empty()) return {};
  if (claim.first_sequence == next_sequence(entry.batches.back().last_sequence)) return {};
  return {ErrorCode::out_of_order_sequence_number, std::nullopt};
}

void ProducerState::record(const ProducerClaim& claim, Offset first, Offset last, int64_t timestamp,
                           int64_t now_ms) {
  GW_CHECK(undo_.empty() || undo_.back().first < first, "batches are recorded in the order of their offsets");
  const auto [entry, fresh] = producers_.try_emplace(claim.producer_id);
  undo_.push_back({first, claim.producer_id, fresh ? std::nullopt : std::optional(entry->second)});
  ProducerEntry& producer = entry->second;
  producer.producer_id = claim.producer_id;
  if (claim.epoch != producer.epoch) producer.batches.clear();
  producer.epoch = claim.epoch;
  producer.last_seen_ms = now_ms;
  producer.batches.push({claim.first_sequence, claim.last_sequence, first, last, timestamp});
}

bool ProducerState::misses(const ProducerClaim& claim, Offset last) const {
  const auto found = producers_.find(claim.producer_id);
  if (found == producers_.end()) return true;
  const ProducerEntry& entry = found->second;
  if (claim.epoch != entry.epoch) return claim.epoch > entry.epoch;
  const ProducerBatches& batches = entry.batches;
  if (batches.size() == kProducerBatchesKept && last < batches[0].last_offset) return false;
  return std::ranges::none_of(batches, [&](const ProducerBatch& batch) { return batch.last_offset == last; });
}

void ProducerState::settle(Offset end) {
  while (!undo_.empty() && undo_.front().first < end) undo_.pop_front();
}

bool ProducerState::cut(Offset end) {
  while (!undo_.empty() && undo_.back().first >= end) {
    Undo& undo = undo_.back();
    if (undo.before) {
      producers_[undo.producer_id] = std::move(*undo.before);
    } else {
      producers_.erase(undo.producer_id);
    }
    undo_.pop_back();
  }
  return std::ranges::none_of(producers_, [&](const auto& producer) {
    const auto& batches = producer.second.batches;
    return !batches.empty() && batches.back().last_offset >= end;
  });
}

bool ProducerState::truncate(Offset end) {
  cut(end);
  bool complete = true;
  for (auto at = producers_.begin(); at != producers_.end();) {
    ProducerBatches kept;
    for (const ProducerBatch& batch : at->second.batches) {
      if (batch.last_offset < end) kept.push(batch);
    }
    if (kept.empty() && !at->second.batches.empty()) {
      complete = false;
      at = producers_.erase(at);
    } else {
      at->second.batches = kept;
      ++at;
    }
  }
  return complete;
}

void ProducerState::expire(int64_t now_ms, int64_t expiration_ms) {
  std::erase_if(producers_, [&](const auto& producer) {
    // One whose batch is still under way is not forgotten: undoing it would bring the entry back.
    const bool under_way =
        std::ranges::any_of(undo_, [&](const Undo& undo) { return undo.producer_id == producer.first; });
    return !under_way && now_ms - producer.second.last_seen_ms > expiration_ms;
  });
}

void ProducerState::add_found(const ProducerState& found) {
  for (const auto& [id, entry] : found.producers_) {
    const auto [at, fresh] = producers_.try_emplace(id, entry);
    if (!fresh) at->second = joined(at->second, entry);
  }
  for (Undo& undo : undo_) {
    const auto at = found.producers_.find(undo.producer_id);
    if (at == found.producers_.end()) continue;
    undo.before = undo.before ? joined(*undo.before, at->second) : at->second;
  }
}

std::vector<ProducerEntry> ProducerState::entries() const {
  std::vector<ProducerEntry> all;
  all.reserve(producers_.size());
  for (const auto& [id, entry] : producers_) all.push_back(entry);
  std::ranges::sort(all, {}, &ProducerEntry::producer_id);
  return all;
}

ProducerState ProducerState::from(std::vector<ProducerEntry> entries) {
  ProducerState state;
  for (auto& entry : entries) state.producers_.emplace(entry.producer_id, entry);
  return state;
}

std::optional<Offset> ProducerState::last_offset_of(int64_t producer_id) const {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end() || found->second.batches.empty()) return std::nullopt;
  return found->second.batches.back().last_offset;
}

}  // namespace godwit::storage
