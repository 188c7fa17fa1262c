#include "storage/round_builder.h"

#include "base/check.h"

namespace godwit::storage {
namespace {

constexpr Duration kRetry = std::chrono::milliseconds(20);

}  // namespace

RoundBuilder::RoundBuilder(Journal& journal, StoreContext& context, uint64_t round_bytes_max,
                           uint64_t reserve_bytes)
    : journal_(journal),
      context_(context),
      round_bytes_max_(round_bytes_max),
      reserve_bytes_(reserve_bytes) {}

RoundBuilder::Round RoundBuilder::gather() {
  const auto usage = journal_.usage();
  const bool reserve_only = usage.full || usage.capacity - std::min(usage.used, usage.capacity) < reserve_bytes_;
  Round round;
  // What is taken here again next time stands behind those that were not reached.
  runtime::List later;
  uint64_t left = round_bytes_max_;
  while (auto* node = news_.front()) {
    auto& source = static_cast<RoundSource&>(*node);
    const size_t before = round.entries.size();
    const auto taken = source.take_round(round.entries, left, reserve_only);
    source.unlink();
    if (round.entries.size() != before) round.sources.push_back(source.keep_alive());
    if (taken.more) later.push_back(source);
    if (taken.more && round.entries.size() == before && reserve_only) {
      round.held_back = true;
      continue;
    }
    left -= std::min(left, taken.bytes);
    if (taken.more) break;
  }
  news_.take_all(later);
  return round;
}

runtime::Task<void> RoundBuilder::wait_for_room() {
  stalled_ = true;
  context_.request_write_back();
  co_await room_.wait_until(runtime::Shard::current()->now() + kRetry);
  stalled_ = false;
}

runtime::Task<void> RoundBuilder::run() {
  for (;;) {
    while (news_.empty()) {
      if (closed_) co_return;
      co_await wake_.wait();
    }
    Round round = gather();
    if (round.entries.empty()) {
      GW_CHECK(round.held_back || news_.empty(), "every piece of news fits an empty round");
      if (!news_.empty()) {
        if (context_.failed) co_return;
        co_await wait_for_room();
      }
      continue;
    }
    const auto written = co_await journal_.write(std::move(round.entries));
    if (written) {
      for (const auto& source : round.sources) source->round_done(*written);
      continue;
    }
    if (written.error().kind == ErrorKind::unavailable || written.error().kind == ErrorKind::no_space) {
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
