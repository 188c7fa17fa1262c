#include "storage/round_builder.h"

#include "base/check.h"

namespace godwit::storage {
namespace {

constexpr Duration kRetry = std::chrono::milliseconds(20);

}  // namespace

RoundBuilder::RoundBuilder(Journal& journal, StoreContext& context, uint64_t round_bytes_max,
                           uint64_t reserve_bytes)
    : journal_(journal), context_(context), round_bytes_max_(round_bytes_max), reserve_bytes_(reserve_bytes) {
  look_for_room();
}

void RoundBuilder::look_for_room() {
  const auto usage = journal_.usage();
  has_room_ = !usage.full && usage.capacity - std::min(usage.used, usage.capacity) >= reserve_bytes_;
}

bool RoundBuilder::admits(uint64_t bytes) const {
  if (!has_room_) return false;
  // One batch always may, however large.
  return waiting_ == 0 || waiting_ + bytes <= std::max(reserve_bytes_ / 8, round_bytes_max_);
}

RoundBuilder::Round RoundBuilder::gather() {
  Round round;
  // What has more news than fits stands behind those that were not reached.
  RoundSource* unfinished = nullptr;
  while (auto* node = news_.front()) {
    auto& source = static_cast<RoundSource&>(*node);
    const size_t before = round.entries.size();
    const auto taken = source.take_round(round.entries, round_bytes_max_ - round.bytes);
    source.unlink();
    round.bytes += taken.bytes;
    if (round.entries.size() != before) round.sources.push_back(source.keep_alive());
    if (taken.more) {
      unfinished = &source;
      break;
    }
  }
  if (unfinished != nullptr) news_.push_back(*unfinished);
  waiting_ -= std::min(waiting_, round.bytes);
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
    writing_ = true;
    const auto written = co_await journal_.write(std::move(round.entries));
    writing_ = false;
    look_for_room();
    if (written) {
      last_done_ = *written;
      for (const auto& source : round.sources) source->round_done(*written);
      if (on_room_) on_room_();
      continue;
    }
    if (written.error().kind == ErrorKind::unavailable || written.error().kind == ErrorKind::no_space) {
      waiting_ += round.bytes;
      for (const auto& source : round.sources) {
        source->round_refused();
        mark(*source);
      }
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
