// How a group driver makes its manager know what the log says.
#include "broker/group_driver.h"
#include "record/batches.h"
#include "record/record_reader.h"

namespace godwit::broker {

using runtime::Task;

namespace {

constexpr size_t kReadBytes = size_t{1} << 20;
// Other work of the shard waits at most for so much loading.
constexpr size_t kRecordsAtATime = 256;
constexpr size_t kBytesAtATime = size_t{64} << 10;
constexpr Duration kCommitPatience = std::chrono::milliseconds(500);
constexpr Duration kRetryAfter = std::chrono::seconds(1);

}  // namespace

Task<void> GroupDriver::load() {
  // Nobody writes before the load has ended, so the log's end is what there is. That covers the first offset of our epoch:
  // nothing of an earlier leader that could still become committed is missed.
  const Offset end = partition_->closed() ? Offset(0) : partition_->log()->end();
  for (;;) {
    const MonotonicTime until = shard_.now() + kCommitPatience;
    const ErrorCode stable = co_await partition_->wait_committed(end, until, reign_);
    if (stopping_ || partition_->closed()) co_return;
    if (stable == ErrorCode::none) break;
    // Also where a partition that waits no more, since the broker stops, said at once that it is not known yet.
    co_await pause(stable == ErrorCode::request_timed_out ? until - shard_.now() : kRetryAfter);
    if (stopping_ || partition_->closed()) co_return;
  }
  Offset from = partition_->log_start();
  bool told = false;
  std::string why;
  while (!co_await load_to(from, end, why)) {
    if (stopping_ || partition_->closed()) co_return;
    if (!std::exchange(told, true)) {
      diagnostics_.emit({Severity::error,
                         "groups.not_loaded",
                         "consumer groups are not served, since their records cannot be read: " + why,
                         {{"topic", partition_->topic()},
                          {"partition", to_string(partition_->id().partition)},
                          {"offset", to_string(from)}}});
    }
    co_await pause(kRetryAfter);
    if (stopping_ || partition_->closed()) co_return;
    if (from < partition_->log_start()) {
      // The log's start moved past us: what was loaded may be of records that are gone, so all is read anew.
      manager_.resign();
      carry_out();
      manager_.load_begin();
      from = partition_->log_start();
    }
  }
  if (!stopping_) finish_loading();
}

Task<void> GroupDriver::pause(Duration duration) {
  const MonotonicTime until = shard_.now() + duration;
  while (!stopping_ && shard_.now() < until) co_await changed_.wait_until(until);
}

Task<bool> GroupDriver::load_to(Offset& from, Offset end, std::string& why) {
  while (from < end) {
    const auto answer = co_await partition_->read(from, kReadBytes, true);
    if (stopping_) co_return false;
    if (!answer) {
      why = answer.error().message;
      co_return false;
    }
    if (answer->next <= from) {
      why = "the log gave nothing at offset " + to_string(from) + " before its end";
      co_return false;
    }
    if (!co_await load_batches(answer->batches.flatten(), from, why)) co_return false;
    from = answer->next;
  }
  co_return true;
}

Task<bool> GroupDriver::load_batches(const Bytes& batches, Offset from, std::string& why) {
  // The log serves no bytes that fail their checksum.
  BatchSplitter splitter(batches, {.check_crc = false});
  size_t records = 0;
  size_t bytes = 0;
  while (!splitter.done()) {
    const auto batch = splitter.next();
    if (!batch) {
      why = batch.error().message;
      co_return false;
    }
    // Markers are no records of groups; offsets committed inside a transaction count with its end, and there are none.
    if (batch->header().attributes.control() || batch->header().attributes.transactional()) continue;
    auto reader = RecordReader::open(*batch);
    Record record;
    for (;;) {
      const auto more = reader ? reader->next(record) : Result<bool>(fail(reader.error()));
      if (!more) {
        why = more.error().message;
        co_return false;
      }
      if (!*more) break;
      if (record.offset < from) continue;
      manager_.load(record.key.value_or(BytesView{}), record.value);
      ++records;
      bytes += record.value ? record.value->size() : 0;
      if (records < kRecordsAtATime && bytes < kBytesAtATime) continue;
      records = bytes = 0;
      co_await runtime::yield();
      if (stopping_) co_return false;
    }
  }
  co_return true;
}

void GroupDriver::finish_loading() {
  const groups::LoadStatistics statistics = manager_.load_done(now());
  loaded_ = true;
  if (statistics.corrupt > 0) {
    diagnostics_.emit({Severity::warning,
                       "groups.records_passed_over",
                       "records of consumer groups do not follow their schema and were passed over",
                       {{"topic", partition_->topic()},
                        {"partition", to_string(partition_->id().partition)},
                        {"records", std::to_string(statistics.corrupt)}}});
  }
  // Topics may have gone, and others been made under their names, while nobody drove this partition. One that the cluster does
  // not know now may come back: its key may be damaged, or the store an older one (rule 3).
  for (const std::string& name : manager_.topics()) {
    if (const TopicId id = topic_now_(name); !id.is_zero()) manager_.topic_is(name, id, now());
  }
  for (const auto& [name, id] : std::exchange(deleted_while_loading_, {}))
    manager_.topic_deleted(name, id, now());
  carry_out();
}

}  // namespace godwit::broker
