#include "broker/producer_ids.h"

#include <utility>

#include "broker/broker.h"

namespace godwit::broker {
namespace {

constexpr int64_t kBlock = 1000;
constexpr int kCounterBits = 32;
constexpr uint64_t kCounterMask = (uint64_t{1} << kCounterBits) - 1;
constexpr uint64_t kDrawnEnd = uint64_t{1} << 31;

}  // namespace

runtime::Task<cluster::Changed<int64_t>> ProducerIds::next() {
  return broker_.on_first([this] { return take(); });
}

runtime::Task<cluster::Changed<int64_t>> ProducerIds::take() {
  const auto lock = co_await reserving_.lock();
  if (next_ == end_) {
    auto first = co_await broker_.metadata().reserve_producer_ids(kBlock, 0);
    if (!first) {
      // Clients try again without a word: once told here, or nobody hears why they do not begin.
      if (!std::exchange(told_, true)) {
        broker_.diagnostics().emit({Severity::error,
                                    "broker.no_producer_ids",
                                    "idempotent producers cannot begin: no ids can be reserved for them",
                                    {{"error", first.error().message}}});
      }
      co_return tl::unexpected(cluster::Refusal{ErrorCode::coordinator_not_available, first.error().message});
    }
    told_ = false;
    next_ = *first;
    end_ = *first + kBlock;
    drawn_ = 1 + broker_.shard(0).shard().random().below(kDrawnEnd - 1);
  }
  const auto counted = static_cast<uint64_t>(next_++) & kCounterMask;
  co_return static_cast<int64_t>(drawn_ << kCounterBits | counted);
}

}  // namespace godwit::broker
