// Looks again and again whether partitions were added to topics, or topics deleted: librdkafka tells a reader without a group
// nothing of it.
//
//   PartitionWatch watch(kafka, {{"orders", topic}}, {{"orders", 0}}, 5s);
//   if (watch.found()) for (const TopicPartition& added : watch.take().added) …
//
// On a thread of its own, since the question waits for a broker. The instance and its topics must outlive it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "godwit/reader.h"

struct rd_kafka_s;
struct rd_kafka_topic_s;

namespace godwit::client {

class PartitionWatch {
 public:
  // `known` are not told.
  PartitionWatch(rd_kafka_s* kafka, std::map<std::string, rd_kafka_topic_s*> topics,
                 std::set<TopicPartition> known, std::chrono::milliseconds interval);
  // Waits for a question under way: a second at most.
  ~PartitionWatch();
  PartitionWatch(const PartitionWatch&) = delete;
  PartitionWatch& operator=(const PartitionWatch&) = delete;

  struct News {
    std::vector<TopicPartition> added;
    // not_found: brokers said so of a topic, and Missing::kPatience later again. Once, until it is back.
    std::optional<Error> gone;
  };
  // Any thread: whether there is news, and what came since the last call.
  bool found() const { return found_; }
  News take();

 private:
  void run();
  News look();
  std::optional<Error> missing(const std::string& name, int code);

  rd_kafka_s* const kafka_;
  const std::map<std::string, rd_kafka_topic_s*> topics_;
  const std::chrono::milliseconds interval_;
  // The thread's, as is when a topic was first missed; empty: that was told.
  std::set<TopicPartition> known_;
  std::map<std::string, std::optional<std::chrono::steady_clock::time_point>> missed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  News news_;
  std::atomic<bool> found_{false};
  std::thread thread_;
};

}  // namespace godwit::client
