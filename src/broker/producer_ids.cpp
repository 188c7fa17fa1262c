#include "broker/producer_ids.h"

#include <utility>

#include "broker/broker.h"

namespace godwit::broker {
namespace {

constexpr int64_t kBlock = 1000;

}  // namespace

runtime::Task<cluster::Changed<int64_t>> ProducerIds::next() {
  return broker_.on_first([this] { return take(); });
}

runtime::Task<cluster::Changed<int64_t>> ProducerIds::take() {
  const auto lock = co_await reserving_.lock();
  if (next_ == end_) {
    // Ids that logs know may be above the counter, when the store was restored from a backup.
    const int64_t known = co_await broker_.store().producer_id_max();
    auto first = co_await broker_.metadata().reserve_producer_ids(kBlock, known + 1);
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
  }
  co_return next_++;
}

}  // namespace godwit::broker
