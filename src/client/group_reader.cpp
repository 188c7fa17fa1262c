#include "client/group_reader.h"

#include <librdkafka/rdkafka.h>

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

struct MessageDestroyer {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using MessagePtr = std::unique_ptr<rd_kafka_message_t, MessageDestroyer>;

// Errors that end reading; librdkafka mends the others itself and only tells of them.
bool is_final(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
      return true;
    default:
      return false;
  }
}

List assignment(rd_kafka_t* kafka) {
  rd_kafka_topic_partition_list_t* list = nullptr;
  if (rd_kafka_assignment(kafka, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return List(list);
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
  auto handle = Handle::make(Handle::Role::consumer, options, properties);
  if (!handle) return handle.error();
  (void)rd_kafka_poll_set_consumer(handle->get());
  const List topics(rd_kafka_topic_partition_list_new(static_cast<int>(wanted.topics.size())));
  for (const auto& topic : wanted.topics) {
    (void)rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const auto code = rd_kafka_subscribe(handle->get(), topics.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_from(code, "subscribing as group " + wanted.group);
  return std::unique_ptr<GroupReader>(new GroupReader(std::move(*handle)));
}

GroupReader::~GroupReader() {
  close();
}

void GroupReader::close() {
  closed_ = true;
  const std::lock_guard lock(polling_);
  if (std::exchange(left_, true)) return;
  (void)rd_kafka_consumer_close(handle_.get());
}

Result<std::vector<Record>> GroupReader::read(size_t records_max, std::chrono::milliseconds wait) {
  std::vector<Record> records;
  while (records.size() < records_max) {
    const std::lock_guard lock(polling_);
    if (closed_) return Error{ErrorKind::closed, "the reader was closed", 0};
    const auto slice = records.empty() ? std::min(wait, kSlice) : std::chrono::milliseconds(0);
    const MessagePtr message(rd_kafka_consumer_poll(handle_.get(), static_cast<int>(slice.count())));
    if (!message) {
      wait -= slice;
      if (!records.empty() || wait.count() <= 0) break;
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      records.push_back(record_from(*message));
      const Record& record = records.back();
      given_[{record.topic, record.partition}] = record.offset + 1;
      ended_.erase({record.topic, record.partition});
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      ended_.insert({rd_kafka_topic_name(message->rkt), message->partition});
      // Nothing more is there: what came so far is worth giving, and so is the news that it is all.
      if (records.empty()) break;
    } else if (is_final(message->err) && records.empty()) {
      return error_from(message->err, "reading", rd_kafka_message_errstr(message.get()));
    } else if (is_final(message->err)) {
      break;
    }
  }
  return records;
}

Result<void> GroupReader::commit() {
  return commit(given_);
}

Result<void> GroupReader::commit(const Progress& progress) {
  const std::lock_guard lock(polling_);
  if (left_) return Error{ErrorKind::closed, "the reader was closed", 0};
  const List mine = assignment(handle_.get());
  const List offsets(rd_kafka_topic_partition_list_new(static_cast<int>(progress.size())));
  for (int i = 0; mine && i < mine->cnt; ++i) {
    const auto& partition = mine->elems[i];
    const auto found = progress.find({partition.topic, partition.partition});
    if (found == progress.end()) continue;
    rd_kafka_topic_partition_list_add(offsets.get(), partition.topic, partition.partition)->offset =
        found->second;
  }
  if (offsets->cnt == 0) return {};
  const auto code = rd_kafka_commit(handle_.get(), offsets.get(), 0);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_from(code, "committing");
  return {};
}

bool GroupReader::at_end() const {
  const std::lock_guard lock(polling_);
  if (left_) return false;
  const List mine = assignment(handle_.get());
  if (!mine || mine->cnt == 0) return false;
  for (int i = 0; i < mine->cnt; ++i) {
    if (!ended_.contains({mine->elems[i].topic, mine->elems[i].partition})) return false;
  }
  return true;
}

}  // namespace godwit::client
