#include "client/partition_watch.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "client/errors.h"
#include "client/missing.h"

namespace godwit::client {
namespace {

constexpr int kAskMs = 1'000;
constexpr std::chrono::milliseconds kIntervalMin{10};

}  // namespace

PartitionWatch::PartitionWatch(rd_kafka_s* kafka, std::map<std::string, rd_kafka_topic_s*> topics,
                               std::set<TopicPartition> known, std::chrono::milliseconds interval)
    : kafka_(kafka),
      topics_(std::move(topics)),
      interval_(std::clamp(interval, kIntervalMin, std::chrono::milliseconds(std::chrono::hours(24)))),
      known_(std::move(known)),
      thread_([this] { run(); }) {}

PartitionWatch::~PartitionWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

PartitionWatch::News PartitionWatch::take() {
  const std::lock_guard lock(mutex_);
  found_ = false;
  return std::exchange(news_, {});
}

void PartitionWatch::run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval_, [this] { return stopping_; })) {
    lock.unlock();
    auto [added, gone] = look();
    lock.lock();
    news_.added.insert(news_.added.end(), added.begin(), added.end());
    if (gone) news_.gone = std::move(gone);
    found_ = !news_.added.empty() || news_.gone;
  }
}

std::optional<Error> PartitionWatch::missing(const std::string& name, int code) {
  const auto now = std::chrono::steady_clock::now();
  auto& since = missed_.try_emplace(name, now).first->second;
  if (!since || now - *since < Missing::kPatience) return std::nullopt;
  since.reset();
  return error_from(code, "reading " + name);
}

PartitionWatch::News PartitionWatch::look() {
  News news;
  for (const auto& [name, topic] : topics_) {
    const struct rd_kafka_metadata* metadata = nullptr;
    // Whoever does not answer is asked again with the next look.
    if (rd_kafka_metadata(kafka_, 0, topic, &metadata, kAskMs) != RD_KAFKA_RESP_ERR_NO_ERROR) break;
    const std::unique_ptr<const struct rd_kafka_metadata, decltype(&rd_kafka_metadata_destroy)> held(
        metadata, &rd_kafka_metadata_destroy);
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      const auto& told = metadata->topics[i];
      if (name != told.topic) continue;
      if (Missing::is(told.err)) {
        if (auto gone = missing(name, told.err)) news.gone = std::move(gone);
      }
      if (told.err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      missed_.erase(name);
      for (int p = 0; p < told.partition_cnt; ++p) {
        const TopicPartition one{name, told.partitions[p].id};
        if (known_.insert(one).second) news.added.push_back(one);
      }
    }
  }
  return news;
}

}  // namespace godwit::client
