#include "broker/partition.h"

namespace godwit::broker {

Partition::Partition(TopicPartition id, std::string topic, storage::Log& log, cluster::PartitionState state)
    : id_(id), topic_(std::move(topic)), log_(&log), state_(std::move(state)) {
  log_->set_observer(this);
}

Partition::~Partition() {
  if (log_ != nullptr) log_->set_observer(nullptr);
}

ErrorCode Partition::check_epoch(LeaderEpoch asked) const {
  // Kafka's clients write "none" as any negative number.
  if (asked.value() < 0 || asked == state_.leader_epoch) return ErrorCode::none;
  return asked < state_.leader_epoch ? ErrorCode::fenced_leader_epoch : ErrorCode::unknown_leader_epoch;
}

storage::Served<void> Partition::open() const {
  if (closed()) return storage::refuse(ErrorCode::unknown_topic_or_partition, "the topic was deleted");
  return {};
}

runtime::Task<storage::Served<storage::Appended>> Partition::append(MutableBytes batch, WallTime now,
                                                                    MonotonicTime deadline) {
  if (auto alive = open(); !alive) co_return tl::unexpected(alive.error());
  co_return co_await log_->append(batch, {state_.leader_epoch, now, deadline});
}

runtime::Task<ErrorCode> Partition::wait_committed(Offset end, MonotonicTime deadline) {
  if (closed()) co_return ErrorCode::unknown_topic_or_partition;
  co_return co_await log_->wait_stable(end, deadline);
}

runtime::Task<storage::Served<storage::ReadAnswer>> Partition::read(Offset from, size_t bytes_max,
                                                                    bool at_least_one) {
  if (auto alive = open(); !alive) co_return tl::unexpected(alive.error());
  const Offset end = high_watermark();
  // Between the high watermark and the log's end there is nothing to see yet, but the offset is no error.
  if (from >= end && from <= log_->end()) co_return storage::ReadAnswer{{}, from};
  co_return co_await log_->read({from, bytes_max, end, at_least_one});
}

void Partition::close() {
  if (closed()) return;
  log_->set_observer(nullptr);
  log_ = nullptr;
  tell_watchers();
}

void Partition::log_advanced() {
  log_->set_high_watermark(log_->stable_end());
  tell_watchers();
}

void Partition::tell_watchers() {
  // A watcher leaves the list when it is told and comes back when it wants to hear more: news while it works are not
  // lost, since it looks again before it waits.
  runtime::List now;
  now.take_all(watchers_);
  while (runtime::ListNode* node = now.front()) {
    node->unlink();
    static_cast<Watcher*>(node)->partition_changed();
  }
}

}  // namespace godwit::broker
