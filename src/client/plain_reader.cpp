#include "client/plain_reader.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <thread>

#include "client/deadline.h"
#include "client/errors.h"
#include "client/fetched.h"

namespace godwit::client {
namespace {

constexpr std::chrono::milliseconds kSlice{100};
constexpr int kAskMs = 10'000;
constexpr std::chrono::milliseconds kAskAgain{100};

// What a partition does whose start lies outside its log.
const char* reset_for(Start::Kind kind) {
  switch (kind) {
    case Start::Kind::end:
      return "latest";
    case Start::Kind::offset:
      return "error";
    default:
      return "earliest";
  }
}

bool is_final(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<std::unique_ptr<PlainReader>> PlainReader::make(const Options& options, const ReaderOptions& wanted) {
  if (wanted.topics.empty()) return Error{ErrorKind::invalid, "reading needs at least one topic", 0};
  if (!wanted.partitions.empty() && wanted.topics.size() != 1) {
    return Error{ErrorKind::invalid, "partitions can be named for one topic only", 0};
  }
  Properties properties = consumer_properties(options);
  properties.emplace_back("auto.offset.reset", reset_for(wanted.start.kind));
  auto handle = Handle::make(Handle::Role::consumer, options, properties);
  if (!handle) return handle.error();
  std::unique_ptr<PlainReader> reader(new PlainReader(std::move(*handle)));
  for (const auto& topic : wanted.topics) {
    if (auto opened = reader->open_topic(topic, wanted); !opened) return opened.error();
  }
  reader->watch(options.partitions_refresh, wanted.partitions.empty());
  return reader;
}

PlainReader::PlainReader(Handle handle)
    : handle_(std::move(handle)), queue_(rd_kafka_queue_new(handle_.get())) {}

PlainReader::~PlainReader() {
  close();
  watch_.reset();
  missing_.clear();
  for (const auto& [partition, ended] : at_end_) {
    (void)rd_kafka_consume_stop(topics_.at(partition.topic), partition.partition);
  }
  rd_kafka_queue_destroy(queue_);
  for (const auto& [name, topic] : topics_) rd_kafka_topic_destroy(topic);
}

void PlainReader::close() {
  closed_ = true;
}

void PlainReader::watch(std::chrono::milliseconds interval, bool all) {
  reads_all_ = all;
  std::set<TopicPartition> known;
  for (const auto& [partition, ended] : at_end_) known.insert(partition);
  watch_ = std::make_unique<PartitionWatch>(handle_.get(), topics_, std::move(known), interval);
}

void PlainReader::take_news() {
  const auto news = watch_->take();
  if (news.gone) failed_ = news.gone;
  if (!reads_all_) return;
  for (const TopicPartition& added : news.added) {
    // From its beginning, wherever the others began: all of it was written since this reader reads the topic.
    if (auto begun = begin(added, RD_KAFKA_OFFSET_BEGINNING); !begun) failed_ = begun.error();
  }
}

Result<void> PlainReader::begin(const TopicPartition& one, int64_t offset) {
  if (rd_kafka_consume_start_queue(topics_.at(one.topic), one.partition, offset, queue_) != 0) {
    return error_from(rd_kafka_last_error(), "reading " + one.topic + "-" + std::to_string(one.partition));
  }
  at_end_[one] = false;
  return {};
}

Result<std::vector<int32_t>> PlainReader::partitions_of(rd_kafka_topic_s* topic, const std::string& name,
                                                        const std::vector<int32_t>& wanted) {
  for (const Deadline deadline(Missing::kPatience);;) {
    auto found = ask_partitions(topic, name, wanted);
    if (found || found.error().kind != ErrorKind::not_found || deadline.over()) return found;
    // One that lags may have answered; the next is asked as chance has it.
    std::this_thread::sleep_for(kAskAgain);
  }
}

Result<std::vector<int32_t>> PlainReader::ask_partitions(rd_kafka_topic_s* topic, const std::string& name,
                                                         const std::vector<int32_t>& wanted) {
  const struct rd_kafka_metadata* metadata = nullptr;
  const auto code = rd_kafka_metadata(handle_.get(), 0, topic, &metadata, kAskMs);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_from(code, "looking for topic " + name);
  const std::unique_ptr<const struct rd_kafka_metadata, decltype(&rd_kafka_metadata_destroy)> held(
      metadata, &rd_kafka_metadata_destroy);
  if (metadata->topic_cnt != 1) return Error{ErrorKind::not_found, "there is no topic " + name, 0};
  const auto& found = metadata->topics[0];
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return error_from(found.err, "topic " + name);
  std::vector<int32_t> all;
  for (int i = 0; i < found.partition_cnt; ++i) all.push_back(found.partitions[i].id);
  for (const int32_t partition : wanted) {
    if (std::ranges::find(all, partition) == all.end()) {
      return Error{ErrorKind::not_found,
                   "topic " + name + " has no partition " + std::to_string(partition) + "; it has " +
                       std::to_string(all.size()),
                   0};
    }
  }
  return wanted.empty() ? all : wanted;
}

Result<std::map<int32_t, int64_t>> PlainReader::begins(const std::string& name,
                                                       const std::vector<int32_t>& partitions, Start start) {
  std::map<int32_t, int64_t> all;
  for (const int32_t partition : partitions) {
    all[partition] = start.kind == Start::Kind::beginning ? RD_KAFKA_OFFSET_BEGINNING
                     : start.kind == Start::Kind::end     ? RD_KAFKA_OFFSET_END
                                                          : start.value;
  }
  if (start.kind != Start::Kind::timestamp) return all;
  const std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>
      list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())),
           &rd_kafka_topic_partition_list_destroy);
  for (const int32_t partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), name.c_str(), partition)->offset = start.value;
  }
  const auto code = rd_kafka_offsets_for_times(handle_.get(), list.get(), kAskMs);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_from(code, "looking for offsets by time in " + name);
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return error_from(list->elems[i].err, "looking for offsets by time in " + name);
    }
    // No record is that young: begin behind the last.
    all[list->elems[i].partition] = list->elems[i].offset < 0 ? RD_KAFKA_OFFSET_END : list->elems[i].offset;
  }
  return all;
}

Result<void> PlainReader::open_topic(const std::string& name, const ReaderOptions& wanted) {
  if (topics_.contains(name)) return {};
  rd_kafka_topic_t* topic = rd_kafka_topic_new(handle_.get(), name.c_str(), nullptr);
  if (topic == nullptr) return error_from(rd_kafka_last_error(), "topic " + name);
  topics_[name] = topic;
  const auto partitions = partitions_of(topic, name, wanted.partitions);
  if (!partitions) return partitions.error();
  const auto starts = begins(name, *partitions, wanted.start);
  if (!starts) return starts.error();
  for (const auto& [partition, offset] : *starts) {
    if (auto begun = begin({name, partition}, offset); !begun) return begun;
  }
  return {};
}

Result<std::vector<Record>> PlainReader::read(size_t records_max, std::chrono::milliseconds wait) {
  const std::lock_guard lock(polling_);
  const Deadline deadline(wait);
  std::vector<Record> records;
  while (records.size() < records_max) {
    if (closed_) return Error{ErrorKind::closed, "the reader was closed", 0};
    if (watch_->found()) take_news();
    if (!failed_) failed_ = missing_.look(handle_.get());
    if (failed_ && records.empty()) return *std::exchange(failed_, std::nullopt);
    if (failed_) break;
    const auto slice = records.empty() ? std::min(deadline.left(), kSlice) : std::chrono::milliseconds(0);
    MessagePtr message(rd_kafka_consume_queue(queue_, static_cast<int>(slice.count())));
    if (!message) {
      if (!records.empty() || deadline.over()) break;
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      records.push_back(record_from(*message));
      at_end_[{records.back().topic, records.back().partition}] = false;
      answered_ = true;
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      at_end_[{rd_kafka_topic_name(message->rkt), message->partition}] = true;
      answered_ = true;
      // A reader that stops at the end need not wait to hear of it.
      if (records.empty() && std::ranges::all_of(at_end_, [](const auto& p) { return p.second; })) break;
    } else if (Missing::is(message->err) && message->rkt != nullptr) {
      missing_.told(std::move(message));
    } else if (is_final(message->err) || Missing::is(message->err)) {
      const std::string what = message->rkt != nullptr
                                   ? "reading " + std::string(rd_kafka_topic_name(message->rkt)) + "-" +
                                         std::to_string(message->partition)
                                   : "reading";
      // What came before is given first. The partition ends, and librdkafka tells of it once.
      failed_ = error_from(message->err, what, rd_kafka_message_errstr(message.get()));
    }
  }
  return records;
}

bool PlainReader::at_end() const {
  const std::lock_guard lock(polling_);
  if (reads_all_ && watch_->found()) return false;
  return std::ranges::all_of(at_end_, [](const auto& partition) { return partition.second; });
}

}  // namespace godwit::client
