#include "client/group_reader.h"

#include <librdkafka/rdkafka.h>

#include "client/deadline.h"
#include "client/errors.h"
#include "client/fetched.h"

namespace godwit::client {
namespace {

// How soon close() is noticed.
constexpr std::chrono::milliseconds kSlice{100};

struct ListDestroyer {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using List = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDestroyer>;

// Errors that end reading; librdkafka mends the others itself and only tells of them.
bool is_final(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
      return true;
    default:
      return false;
  }
}

TopicPartition partition_of(const Record& record) {
  return {record.topic, record.partition};
}

std::vector<TopicPartition> from_list(const rd_kafka_topic_partition_list_t& list) {
  std::vector<TopicPartition> all;
  for (int i = 0; i < list.cnt; ++i) all.push_back({list.elems[i].topic, list.elems[i].partition});
  return all;
}

Error closed_error() {
  return {ErrorKind::closed, "the reader was closed", 0};
}

template <class Partitions>
List list_of(const Partitions& partitions) {
  List list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& one : partitions) {
    (void)rd_kafka_topic_partition_list_add(list.get(), one.topic.c_str(), one.partition);
  }
  return list;
}

}  // namespace

Result<std::unique_ptr<GroupReader>> GroupReader::make(const Options& options, const ReaderOptions& wanted) {
  if (wanted.topics.empty()) return Error{ErrorKind::invalid, "reading needs at least one topic", 0};
  if (!wanted.partitions.empty()) {
    return Error{ErrorKind::invalid, "a group's partitions are shared out by the group: name none", 0};
  }
  const bool from_end = wanted.start.kind == Start::Kind::end;
  if (!from_end && wanted.start.kind != Start::Kind::beginning) {
    return Error{ErrorKind::invalid,
                 "a group starts at the beginning or the end; to move it, reset its offsets", 0};
  }
  Properties properties = consumer_properties(options);
  properties.emplace_back("group.id", wanted.group);
  properties.emplace_back("auto.offset.reset", from_end ? "latest" : "earliest");
  auto state = std::make_shared<State>();
  auto handle = Handle::make(Handle::Role::consumer, options, properties, nullptr,
                             [state](bool assigned, const rd_kafka_topic_partition_list_t& partitions) {
                               state->rebalance(assigned, from_list(partitions));
                             });
  if (!handle) return handle.error();
  (void)rd_kafka_poll_set_consumer(handle->get());
  const List topics(rd_kafka_topic_partition_list_new(static_cast<int>(wanted.topics.size())));
  for (const auto& topic : wanted.topics) {
    (void)rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const auto code = rd_kafka_subscribe(handle->get(), topics.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_from(code, "subscribing as group " + wanted.group);
  return std::unique_ptr<GroupReader>(new GroupReader(std::move(*handle), std::move(state), wanted));
}

GroupReader::~GroupReader() {
  close();
}

void GroupReader::close() {
  closed_ = true;
  const std::lock_guard lock(polling_);
  if (std::exchange(left_, true)) return;
  missing_.clear();
  (void)rd_kafka_consumer_close(handle_.get());
}

void GroupReader::State::rebalance(bool assigned, const std::vector<TopicPartition>& partitions) {
  if (assigned) {
    held.assigned(partitions);
  } else {
    held.revoked(partitions);
  }
  for (const auto& partition : partitions) {
    paused.erase(partition);
    moved.insert(partition);
    // Whoever has it next is given them again.
    std::erase_if(batch, [&](const Record& record) { return partition_of(record) == partition; });
  }
  changes.push_back(held.partitions());
}

Result<GroupReader::Polled> GroupReader::poll(std::chrono::milliseconds wait) {
  MessagePtr message(rd_kafka_consumer_poll(handle_.get(), static_cast<int>(wait.count())));
  if (!message) return Polled::nothing;
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    state_->batch.push_back(record_from(*message));
    state_->held.came(partition_of(state_->batch.back()));
  } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    state_->held.ended({rd_kafka_topic_name(message->rkt), message->partition});
    return Polled::end;
  } else if (Missing::is(message->err) && message->rkt != nullptr) {
    missing_.told(std::move(message));
  } else if (is_final(message->err) || Missing::is(message->err)) {
    return error_from(message->err, "reading", rd_kafka_message_errstr(message.get()));
  }
  return Polled::something;
}

Result<std::vector<Record>> GroupReader::read(size_t records_max, std::chrono::milliseconds wait) {
  const Deadline deadline(wait);
  for (;;) {
    const std::lock_guard lock(polling_);
    if (closed_) return closed_error();
    if (!error_) error_ = missing_.look(handle_.get());
    if (error_ && state_->batch.empty()) return *std::exchange(error_, std::nullopt);
    resume();
    if (error_ || state_->batch.size() >= records_max) break;
    const bool first = state_->batch.empty();
    const auto polled = poll(first ? std::min(deadline.left(), kSlice) : std::chrono::milliseconds(0));
    if (!polled) {
      // What came before is given first; librdkafka tells of it once.
      error_ = polled.error();
      continue;
    }
    if (*polled == Polled::nothing && (!state_->batch.empty() || deadline.over())) break;
    // Nothing more is there in any partition, which is news, too.
    if (*polled == Polled::end && state_->batch.empty() && state_->held.at_end()) break;
  }
  // Without the lock: it may ask this reader, commit, or close it.
  tell_changes();
  const std::lock_guard lock(polling_);
  if (closed_) return closed_error();
  auto& batch = state_->batch;
  state_->moved.clear();
  const auto until = batch.begin() + static_cast<ptrdiff_t>(std::min(records_max, batch.size()));
  std::vector<Record> records(std::make_move_iterator(batch.begin()), std::make_move_iterator(until));
  batch.erase(batch.begin(), until);
  // Not before: what is dropped on the way is not the caller's to commit.
  for (const Record& record : records) state_->held.given(partition_of(record), record.offset);
  return records;
}

void GroupReader::tell_changes() {
  for (;;) {
    std::vector<TopicPartition> mine;
    {
      const std::lock_guard lock(polling_);
      if (state_->changes.empty()) return;
      mine = std::move(state_->changes.front());
      state_->changes.pop_front();
    }
    if (on_assigned_) on_assigned_(mine);
  }
}

void GroupReader::pause() {
  std::vector<TopicPartition> more;
  for (const auto& partition : state_->held.partitions()) {
    if (state_->paused.insert(partition).second) more.push_back(partition);
  }
  idled_ = true;
  if (!more.empty()) (void)rd_kafka_pause_partitions(handle_.get(), list_of(more).get());
}

void GroupReader::resume() {
  if (!std::exchange(idled_, false)) return;
  state_->paused.clear();
  (void)rd_kafka_resume_partitions(handle_.get(), list_of(state_->held.partitions()).get());
}

void GroupReader::idle(std::chrono::milliseconds wait) {
  {
    const std::lock_guard lock(polling_);
    if (closed_) return;
    pause();
    const auto polled = poll(wait);
    if (!polled) error_ = polled.error();
  }
  tell_changes();
}

Result<void> GroupReader::commit() {
  const std::lock_guard lock(polling_);
  return commit(state_->held.given());
}

Result<void> GroupReader::commit_done() {
  const std::lock_guard lock(polling_);
  return commit(state_->held.done());
}

Result<void> GroupReader::commit(const Holding::Progress& progress) {
  if (left_) return closed_error();
  if (progress.empty()) return {};
  const List offsets(rd_kafka_topic_partition_list_new(static_cast<int>(progress.size())));
  for (const auto& [partition, offset] : progress) {
    rd_kafka_topic_partition_list_add(offsets.get(), partition.topic.c_str(), partition.partition)->offset =
        offset;
  }
  // No rebalance comes in between, for only a poll lets it: what is committed is of this assignment.
  const auto code = rd_kafka_commit(handle_.get(), offsets.get(), 0);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_from(code, "committing");
  Result<void> result;
  for (int i = 0; i < offsets->cnt; ++i) {
    const auto& one = offsets->elems[i];
    const TopicPartition partition{one.topic, one.partition};
    if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      state_->held.committed(partition, one.offset);
    } else if (result) {
      result = error_from(one.err, "committing " + partition.topic + "-" + std::to_string(one.partition));
    }
  }
  return result;
}

void GroupReader::done(const Record& record) {
  const std::lock_guard lock(polling_);
  const auto partition = partition_of(record);
  if (!state_->moved.contains(partition)) state_->held.done(partition, record.offset);
}

bool GroupReader::is_ours(const Record& record) const {
  const std::lock_guard lock(polling_);
  return !closed_ && !state_->moved.contains(partition_of(record));
}

bool GroupReader::at_end() const {
  const std::lock_guard lock(polling_);
  return !left_ && state_->batch.empty() && state_->held.at_end();
}

bool GroupReader::reached() const {
  const std::lock_guard lock(polling_);
  return state_->held.joined();
}

}  // namespace godwit::client
