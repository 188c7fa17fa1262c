// How many bytes a second the copying of replicas may take of this broker in one direction (KIP-73): what it sends as a leader, or
// what it fetches as a follower. Only replicas that are on their way are counted; those in sync never wait.
//
//   if (const size_t bytes = throttle.grant(now)) {      // else look again at throttle.ready_at(now)
//     …move at most about so many…
//     throttle.take(moved, now);
//   }
//
// What was moved is paid for afterwards, by waiting: a batch that is larger than what was granted goes through whole, and over a
// few seconds the rate holds however large batches are. One for all shards of a broker; any thread may call it, and two that are
// granted the same bytes pay both.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace godwit::replicator {

class Throttle {
 public:
  // A rate that bounds nothing (Kafka's default).
  static constexpr int64_t kNone = INT64_MAX;
  // What may be caught up on after nothing was moved for a while, and what is granted at a time besides.
  static constexpr Duration kBurst = std::chrono::milliseconds(250);
  static constexpr Duration kSlice = std::chrono::milliseconds(50);
  // The least that is granted, so that a small rate does not mean a request for each record.
  static constexpr size_t kLeast = 16 << 10;

  explicit Throttle(int64_t bytes_per_second = kNone) : rate_(bytes_per_second) {}

  // From now on; debts are paid at the new rate. 0: nothing is moved. On one thread at a time.
  void set_rate(int64_t bytes_per_second, MonotonicTime now);
  int64_t rate() const { return rate_.load(std::memory_order_relaxed); }
  bool bounded() const { return rate() != kNone; }

  // Bytes that may be moved at once; 0: none before ready_at(). SIZE_MAX where there is no bound.
  size_t grant(MonotonicTime now) const;
  // So many were moved.
  void take(size_t bytes, MonotonicTime now);
  // When to look again: soon enough to notice that the rate was changed.
  MonotonicTime ready_at(MonotonicTime now) const;

 private:
  std::atomic<int64_t> rate_;
  // When what was taken is paid for, in nanoseconds of the clock. Before now: credit, of at most kBurst.
  std::atomic<int64_t> paid_at_{INT64_MIN};
};

}  // namespace godwit::replicator
