#include "storage/round_builder.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::storage {
namespace {

constexpr Duration kRetry = std::chrono::milliseconds(20);

}  // namespace

bool RoundBuilder::take_room(JournalRoom::For use, uint64_t bytes) {
  const uint64_t charged = JournalRoom::charge(bytes);
  // What waits of one shard is bounded besides, so that no shard takes it all; one batch always may, however large.
  const uint64_t waiting_max = std::max(plan().publish_floor / 6, plan().round_bytes_max);
  if (use == JournalRoom::For::records && waiting_ > 0 && waiting_ + charged > waiting_max) return false;
  if (!journal_room_.take(use, charged)) {
    context_.request_write_back();
    return false;
  }
  waiting_ += charged;
  return true;
}

void RoundBuilder::take_room_anyway(uint64_t bytes) {
  journal_room_.take_anyway(JournalRoom::charge(bytes));
  waiting_ += JournalRoom::charge(bytes);
}

void RoundBuilder::give_back_room(uint64_t bytes) {
  journal_room_.give_back(JournalRoom::charge(bytes));
  waiting_ -= JournalRoom::charge(bytes);
}

bool RoundBuilder::hold_seal() {
  if (seals_ + JournalRoom::kSealBytes > 2 * plan().carried_bytes_max) {
    context_.request_write_back();
    return false;
  }
  hold_seal_anyway();
  return true;
}

void RoundBuilder::hold_seal_anyway() {
  seals_ += JournalRoom::kSealBytes;
  const uint64_t carried = plan().carried_bytes_max;
  if (seals_ > carried) journal_room_.hold_more(std::min(seals_ - carried, JournalRoom::kSealBytes));
}

void RoundBuilder::let_seal_go() {
  const uint64_t carried = plan().carried_bytes_max;
  if (seals_ > carried) journal_room_.hold_less(std::min(seals_ - carried, JournalRoom::kSealBytes));
  seals_ -= JournalRoom::kSealBytes;
}

RoundBuilder::Round RoundBuilder::gather() {
  Round round;
  // What has more news than fits stands behind those that were not reached.
  RoundSource* unfinished = nullptr;
  while (auto* node = news_.front()) {
    auto& source = static_cast<RoundSource&>(*node);
    const size_t before = round.entries.size();
    const auto taken = source.take_round(round.entries, plan().round_bytes_max - round.bytes);
    source.unlink();
    round.bytes += taken.bytes;
    round.charged += taken.charged;
    if (round.entries.size() != before) round.sources.push_back(source.keep_alive());
    if (taken.more) {
      unfinished = &source;
      break;
    }
  }
  if (unfinished != nullptr) news_.push_back(*unfinished);
  GW_CHECK(waiting_ >= round.charged, "what is taken was charged before");
  waiting_ -= round.charged;
  return round;
}

runtime::Task<void> RoundBuilder::wait_for_room() {
  context_.request_write_back();
  (void)co_await room_.wait_until(runtime::Shard::current()->now() + kRetry);
}

runtime::Task<void> RoundBuilder::run() {
  for (;;) {
    while (news_.empty()) {
      if (closed_) co_return;
      co_await wake_.wait();
    }
    Round round = gather();
    GW_CHECK(!round.entries.empty() || news_.empty(), "every piece of news fits an empty round");
    if (round.entries.empty()) continue;
    // Rounds of others may have come since the last one of this shard, and have been given back.
    unsure_after_ = journal_.usage().last;
    const auto written = co_await journal_.write(std::move(round.entries));
    unsure_after_.reset();
    if (written) {
      journal_room_.give_back(round.charged);
      for (const auto& source : round.sources) source->round_done(*written);
      if (on_room_) on_room_();
      continue;
    }
    if (written.error().kind == ErrorKind::unavailable || written.error().kind == ErrorKind::no_space) {
      // What the ballast keeps from others is for this too.
      if (written.error().kind == ErrorKind::no_space) context_.report_no_space();
      // What closes the store may wait for this very round, and nobody makes room any more: what was not acknowledged is not kept.
      const bool last = context_.closing;
      for (const auto& source : round.sources) {
        source->round_refused();
        if (last) {
          source->round_failed();
        } else {
          mark(*source);
        }
      }
      if (last) {
        journal_room_.give_back(round.charged);
        continue;
      }
      waiting_ += round.charged;
      co_await wait_for_room();
      continue;
    }
    if (written.error().kind != ErrorKind::closed) context_.report_failure(written.error().describe());
    for (const auto& source : round.sources) source->round_failed();
    while (auto* node = news_.front()) {
      node->unlink();
      static_cast<RoundSource*>(node)->round_failed();
    }
    co_return;
  }
}

void RoundBuilder::close() {
  closed_ = true;
  wake_.notify_all();
  room_.notify_all();
}

}  // namespace godwit::storage
