#include "storage/producer_search.h"

#include <algorithm>
#include <utility>

#include "storage/partition_log.h"

namespace godwit::storage {
namespace {

// After a start, and after a change of leaders, there is more urgent work on the disk.
constexpr Duration kFirstPause = std::chrono::seconds(1);
// What cannot be read may be for long, and a log that is truncated again and again has no use for it.
constexpr Duration kPauseMax = std::chrono::minutes(5);

}  // namespace

void ProducerSearch::add(std::weak_ptr<PartitionLog> log) {
  add(Waiting{.log = std::move(log), .pause = kFirstPause});
}

void ProducerSearch::add(Waiting waiting) {
  waiting_.emplace(runtime::Shard::current()->now() + waiting.pause, std::move(waiting));
  changed_.notify_all();
}

runtime::Task<void> ProducerSearch::run() {
  while (!closed_) {
    if (waiting_.empty()) {
      co_await changed_.wait();
      continue;
    }
    const auto first = waiting_.begin();
    if (runtime::Shard::current()->now() < first->first) {
      (void)co_await changed_.wait_until(first->first);
      continue;
    }
    Waiting next = std::move(first->second);
    waiting_.erase(first);
    const std::shared_ptr<PartitionLog> log = next.log.lock();
    // It was dropped.
    if (!log) continue;
    if (co_await log->seek_incomplete()) continue;
    next.pause = std::min(2 * next.pause, kPauseMax);
    add(std::move(next));
  }
}

void ProducerSearch::close() {
  closed_ = true;
  changed_.notify_all();
}

}  // namespace godwit::storage
