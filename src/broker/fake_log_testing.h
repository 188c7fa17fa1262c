// For tests: a partition's log in memory whose disk does what the test says.
#pragma once

#include <optional>
#include <vector>

#include "record/batch_edit.h"
#include "record/batch_header.h"
#include "runtime/sync.h"
#include "storage/log.h"

namespace godwit::broker::test {

class FakeLog final : public storage::Log {
 public:
  enum class Writes { commit, hold, refuse };

  // What becomes of appends from now on. Held ones are in the log and not stable.
  void writes(Writes what, ErrorCode refusal = ErrorCode::kafka_storage_error) {
    writes_ = what;
    refusal_ = refusal;
  }
  // What is held becomes stable.
  void release() { advance(end_); }
  // The disk fails: what is held will never be stable.
  void fail() {
    failed_ = true;
    if (observer_ != nullptr) observer_->log_failed();
    changed_.notify_all();
  }
  // Reads are refused while set.
  std::optional<ErrorCode> read_refusal;
  // Reads wait while set; notify `changed` after a change.
  bool hold_reads = false;
  void read_on() {
    hold_reads = false;
    changed_.notify_all();
  }
  const std::vector<Bytes>& batches() const { return batches_; }

  const TopicPartition& id() const override { return id_; }
  Offset start() const override { return Offset(0); }
  Offset end() const override { return end_; }
  Offset stable_end() const override { return stable_end_; }
  Offset synced_end() const override { return stable_end_; }
  uint64_t size_bytes() const override { return 0; }
  const storage::EpochHistory& epochs() const override { return epochs_; }
  const storage::ProducerState& producers() const override { return producers_; }
  const storage::LogConfig& config() const override { return config_; }
  void set_config(storage::LogConfig config) override { config_ = config; }
  void set_observer(storage::LogObserver* observer) override { observer_ = observer; }
  Offset high_watermark() const override { return high_watermark_; }
  void set_high_watermark(Offset offset) override { high_watermark_ = offset; }

  runtime::Task<storage::Served<storage::Appended>> append(MutableBytes batch,
                                                           storage::AppendContext context) override {
    co_await runtime::yield();
    if (writes_ == Writes::refuse || failed_) co_return storage::refuse(refusal_, "the test refuses");
    const BatchHeader header = BatchHeader::load(batch);
    stamp(batch, end_, context.epoch);
    batches_.push_back(to_bytes(batch));
    storage::Appended appended{.base_offset = end_, .last_offset = end_ + header.last_offset_delta};
    end_ = appended.last_offset + 1;
    if (writes_ == Writes::commit) advance(end_);
    co_return appended;
  }
  runtime::Task<ErrorCode> wait_stable(Offset end, MonotonicTime deadline) override {
    for (;;) {
      if (stable_end_ >= end) co_return ErrorCode::none;
      if (failed_) co_return ErrorCode::kafka_storage_error;
      if (!co_await changed_.wait_until(deadline)) co_return ErrorCode::request_timed_out;
    }
  }
  runtime::Task<storage::Served<storage::ReadAnswer>> read(storage::ReadRequest request) override {
    while (hold_reads) co_await changed_.wait();
    if (read_refusal) co_return storage::refuse(*read_refusal, "the test refuses to read");
    storage::ReadAnswer answer{{}, request.from};
    for (const Bytes& batch : batches_) {
      const BatchHeader header = BatchHeader::load(batch);
      if (header.next_offset() <= request.from || header.base_offset >= request.end) continue;
      if (!answer.batches.empty() && answer.batches.size() + batch.size() > request.bytes_max) break;
      answer.batches.append(SharedBytes::copy(batch));
      answer.next = header.next_offset();
    }
    co_return answer;
  }

  // Not what group drivers use.
  using Done = runtime::Task<storage::Served<void>>;
  using Found = runtime::Task<storage::Served<std::optional<storage::TimestampedOffset>>>;
  Done append_replicated(BytesView, WallTime, MonotonicTime) override { return unused(); }
  Found find_timestamp(int64_t, Offset) override { return found_nothing(); }
  Found find_timestamp_max(Offset) override { return found_nothing(); }
  void fence(LeaderEpoch epoch) override { fenced = std::max(fenced, epoch); }
  LeaderEpoch fenced = kNoLeaderEpoch;
  Done begin_epoch(LeaderEpoch epoch) override {
    epochs_.begin(epoch, end_);
    co_return storage::Served<void>();
  }
  Done delete_before(Offset) override { return unused(); }
  Done truncate(Offset) override { return unused(); }
  Done restart_at(Offset) override { return unused(); }
  Done roll() override { return unused(); }
  std::vector<Damage> damages() const override { return {}; }
  Done repair(BytesView, Offset, Offset) override { return unused(); }
  Stats stats() const override { return {}; }

 private:
  static Done unused() {
    co_return storage::refuse(ErrorCode::unknown_server_error, "the fake log does not do this");
  }
  static Found found_nothing() { co_return std::nullopt; }
  void advance(Offset to) {
    stable_end_ = to;
    if (observer_ != nullptr) observer_->log_advanced();
    changed_.notify_all();
  }

  TopicPartition id_;
  Offset end_{0};
  Offset stable_end_{0};
  Offset high_watermark_{0};
  Writes writes_ = Writes::commit;
  ErrorCode refusal_ = ErrorCode::none;
  bool failed_ = false;
  std::vector<Bytes> batches_;
  storage::EpochHistory epochs_;
  storage::ProducerState producers_;
  storage::LogConfig config_;
  storage::LogObserver* observer_ = nullptr;
  runtime::Condition changed_;
};

}  // namespace godwit::broker::test
