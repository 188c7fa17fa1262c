// A reader on its own account: chosen partitions from a chosen place, without a group.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "client/handle.h"
#include "client/missing.h"
#include "client/partition_watch.h"

struct rd_kafka_queue_s;
struct rd_kafka_topic_s;

namespace godwit::client {

class PlainReader final : public Reader {
 public:
  // Asks a broker for the topics' partitions (and for a start by time, their offsets). Errors: invalid, not_found,
  // unavailable, timed_out.
  static Result<std::unique_ptr<PlainReader>> make(const Options& options, const ReaderOptions& wanted);
  ~PlainReader() override;

  Result<std::vector<Record>> read(size_t records_max, std::chrono::milliseconds wait) override;
  Result<void> commit() override { return {}; }
  bool at_end() const override;
  bool reached() const override { return answered_; }
  void close() override;

 private:
  explicit PlainReader(Handle handle);
  Result<void> open_topic(const std::string& name, const ReaderOptions& wanted);
  // From now on it is looked what becomes of the topics; `all`: partitions that are added are read, too.
  void watch(std::chrono::milliseconds interval, bool all);
  void take_news();
  Result<void> begin(const TopicPartition& one, int64_t offset);
  // Those that are to be read. Error: not_found, when brokers said so for Missing::kPatience.
  Result<std::vector<int32_t>> partitions_of(rd_kafka_topic_s* topic, const std::string& name,
                                             const std::vector<int32_t>& wanted);
  Result<std::vector<int32_t>> ask_partitions(rd_kafka_topic_s* topic, const std::string& name,
                                              const std::vector<int32_t>& wanted);
  // The offset, or one of librdkafka's names for one, at which each begins.
  Result<std::map<int32_t, int64_t>> begins(const std::string& name, const std::vector<int32_t>& partitions,
                                            Start start);

  Handle handle_;
  rd_kafka_queue_s* queue_;
  std::map<std::string, rd_kafka_topic_s*> topics_;
  mutable std::mutex polling_;
  std::atomic<bool> closed_{false};
  // A partition gave a record or told its end.
  std::atomic<bool> answered_{false};
  // All that are read.
  std::map<TopicPartition, bool> at_end_;
  Missing missing_;
  std::optional<Error> failed_;  // to be told by the next read
  bool reads_all_ = false;
  // There is one in every reader that was opened.
  std::unique_ptr<PartitionWatch> watch_;
};

}  // namespace godwit::client
