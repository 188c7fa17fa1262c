// What clients of a ClusterStage sent, were told and read, and whether that can be true.
//
//   History history;
//   Load load(stage, history, "orders", 2);    // a producer and a reader for each partition
//   … faults …
//   load.finish();                              // after healing: ends the clients
//   check_history(stage, history, "orders", 2);
#pragma once

#include "broker/cluster_stage_testing.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/produce.h"
#include "record/batch_builder.h"

namespace godwit::broker {

struct History {
  struct OfPartition {
    std::map<int64_t, std::string> acknowledged;  // by the offset that the broker gave
    std::map<int64_t, std::string> read;
    int64_t read_end = 0;
    std::vector<std::string> sent;  // each value once, in order
    size_t acknowledgements = 0;
  };
  std::map<int, OfPartition> partitions;
  std::vector<std::string> faults;
  void fault(const std::string& what) {
    if (faults.size() < 10) faults.push_back(what);
  }

  void acknowledge(int p, int64_t base, const std::vector<std::string>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      const int64_t at = base + static_cast<int64_t>(i);
      const auto [place, fresh] = partitions[p].acknowledged.emplace(at, values[i]);
      if (!fresh && place->second != values[i])
        fault("offset " + std::to_string(at) + " of " + std::to_string(p) + " was given to " + place->second +
              " and to " + values[i]);
    }
    partitions[p].acknowledgements += 1;
  }
  void see(int p, int64_t at, const std::string& value) {
    const auto [place, fresh] = partitions[p].read.emplace(at, value);
    if (!fresh && place->second != value)
      fault("offset " + std::to_string(at) + " of " + std::to_string(p) + " was read as " + place->second +
            " and later as " + value);
  }
};

struct Idempotence {
  int64_t producer = kNoProducerId;
  int16_t epoch = kNoProducerEpoch;
  int32_t sequence = kNoSequence;
};

inline kafka::ProduceRequest produce_request(const std::string& topic, int partition,
                                             const std::vector<std::string>& values, Idempotence as = {},
                                             int16_t acks = -1, int32_t timeout_ms = 1500) {
  BatchBuilder builder(
      {.producer_id = as.producer, .producer_epoch = as.epoch, .base_sequence = as.sequence});
  for (const std::string& value : values)
    builder.add({.timestamp_ms = 1'700'000'000'000, .key = std::nullopt, .value = as_bytes(value)});
  kafka::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = timeout_ms;
  auto& wish = request.topic_data.emplace_back();
  wish.name = topic;
  wish.partition_data.push_back({PartitionIndex(partition), SharedBytes::own(*builder.build())});
  return request;
}

// One attempt by the leader that metadata names; none where nobody answered.
inline Task<std::optional<kafka::ProduceResponse::Partition>> produce_once(peer::Cluster& cluster,
                                                                           kafka::ProduceRequest request) {
  const std::string topic = request.topic_data.at(0).name;
  const PartitionIndex partition = request.topic_data[0].partition_data.at(0).index;
  // An ordinary code is the caller's to read: only the connection's troubles are left to the cluster.
  auto answer = co_await cluster.call(peer::Target::leader(topic, partition), std::move(request),
                                      [](const kafka::ProduceResponse&) { return ErrorCode::none; },
                                      {.version_max = 12, .repeatable = false});
  if (!answer) co_return std::nullopt;
  co_return answer->responses.at(0).partition_responses.at(0);
}

class Load {
 public:
  Load(ClusterStage& stage, History& history, std::string topic, int partitions, Duration pause = 5ms)
      : stage_(stage), history_(history), topic_(std::move(topic)), pause_(pause) {
    for (int p = 0; p < partitions; ++p) {
      running_ += 2;
      stage.client.start([this, p](Runtime& runtime) { return produce(runtime, p); });
      stage.client.start([this, p](Runtime& runtime) { return consume(runtime, p); });
    }
  }
  // Ends the clients, each after what it does now; a reader reads to the end first.
  void finish() {
    ending_ = true;
    EXPECT_TRUE(stage_.wait([&] { return running_ == 0; }, 180s)) << stage_.describe_all(topic_);
  }
  size_t acknowledged() const {
    size_t all = 0;
    for (const auto& [p, one] : history_.partitions) all += one.acknowledgements;
    return all;
  }
  // When the last publish was acknowledged.
  MonotonicTime last() const { return last_; }

 private:
  Task<void> produce(Runtime& runtime, int p) {
    peer::Cluster cluster(runtime.network(), stage_.bootstrap(), ClusterStage::patient());
    auto id = co_await cluster.call(peer::Target::any(),
                                    kafka::InitProducerIdRequest{.transactional_id = std::nullopt},
                                    [](const auto& r) { return r.error_code; });
    while (!id || id->error_code != ErrorCode::none) {
      if (ending_) break;
      id = co_await cluster.call(peer::Target::any(),
                                 kafka::InitProducerIdRequest{.transactional_id = std::nullopt},
                                 [](const auto& r) { return r.error_code; });
    }
    Idempotence as;
    if (id) as = {id->producer_id, id->producer_epoch, 0};
    for (int n = 0; id && !ending_;) {
      std::vector<std::string> values;
      for (int i = 0; i <= n % 3; ++i) values.push_back(std::to_string(p) + "-" + std::to_string(n + i));
      for (const auto& value : values) history_.partitions[p].sent.push_back(value);
      if (!co_await publish(cluster, p, values, as)) break;
      as.sequence += static_cast<int32_t>(values.size());
      n += static_cast<int>(values.size());
      co_await runtime::sleep_for(pause_);
    }
    cluster.close();
    --running_;
  }
  // The same batch until it is acknowledged.
  Task<bool> publish(peer::Cluster& cluster, int p, const std::vector<std::string>& values, Idempotence as) {
    const MonotonicTime began = stage_.world.now();
    for (;;) {
      const auto answer = co_await produce_once(cluster, produce_request(topic_, p, values, as));
      if (answer && answer->error_code == ErrorCode::none) {
        history_.acknowledge(p, answer->base_offset.value(), values);
        last_ = stage_.world.now();
        if (std::getenv("GODWIT_TEST_TELL") != nullptr)
          std::cerr << stage_.world.elapsed() / 1ms << " ms client: " << values.front() << " ok\n";
        co_return true;
      }
      if (answer && !is_retriable(answer->error_code)) {
        history_.fault("publishing " + values.front() + ": " + std::string(to_string(answer->error_code)));
        co_return false;
      }
      if (ending_ && stage_.world.now() - began > 60s) {
        history_.fault("publishing " + values.front() + " does not end: " +
                       (answer ? std::string(to_string(answer->error_code)) : "nobody answers"));
        co_return false;
      }
      if (std::getenv("GODWIT_TEST_TELL") != nullptr)
        std::cerr << stage_.world.elapsed() / 1ms << " ms client: " << values.front() << ' '
                  << (answer ? to_string(answer->error_code) : "no answer") << '\n';
      co_await runtime::sleep_for(20ms);
    }
  }

  Task<void> consume(Runtime& runtime, int p) {
    peer::Cluster cluster(runtime.network(), stage_.bootstrap(), ClusterStage::patient());
    auto& mine = history_.partitions[p];
    int64_t position = 0;
    MonotonicTime ends = MonotonicTime::max();
    for (int round = 0;; ++round) {
      if (ending_ && ends == MonotonicTime::max()) ends = stage_.world.now() + 5s;
      if (stage_.world.now() >= ends) break;
      kafka::FetchRequest request;
      request.max_wait_ms = 200;
      request.min_bytes = 1;
      request.isolation_level = 1;
      auto& wish = request.topics.emplace_back();
      wish.topic = topic_;
      // Now and then all is read again: what was committed never changes.
      const bool again = round % 16 == 15;
      wish.partitions.push_back({.partition = PartitionIndex(p),
                                 .fetch_offset = Offset(again ? 0 : position),
                                 .partition_max_bytes = 1 << 20});
      const auto answer = co_await cluster.call(peer::Target::leader(topic_, PartitionIndex(p)), request,
                                                [](const kafka::FetchResponse&) { return ErrorCode::none; },
                                                {.version_max = 12});
      if (!answer || answer->error_code != ErrorCode::none || answer->responses.empty()) {
        co_await runtime::sleep_for(20ms);
        continue;
      }
      const auto& part = answer->responses.at(0).partitions.at(0);
      if (part.error_code == ErrorCode::offset_out_of_range) {
        history_.fault("reading at " + std::to_string(again ? 0 : position) + " of " + std::to_string(p) +
                       " is out of range");
      }
      if (part.error_code != ErrorCode::none) {
        co_await runtime::sleep_for(20ms);
        continue;
      }
      if (!again && part.high_watermark.value() < position)
        history_.fault("the high watermark of " + std::to_string(p) + " is " +
                       to_string(part.high_watermark) + ", and " + std::to_string(mine.read_end) +
                       " was read");
      ClusterStage::Contents got;
      if (part.records) ClusterStage::take(part.records->flatten(), got);
      for (const auto& [at, value] : got) {
        if (at >= part.high_watermark.value()) history_.fault("given behind the high watermark: " + value);
        history_.see(p, at, value);
      }
      if (!got.empty() && !again) position = std::max(position, got.rbegin()->first + 1);
      mine.read_end = std::max(mine.read_end, position);
    }
    cluster.close();
    --running_;
  }

  ClusterStage& stage_;
  History& history_;
  std::string topic_;
  Duration pause_;
  bool ending_ = false;
  int running_ = 0;
  MonotonicTime last_{};
};

// All brokers live and are in sync: what was acknowledged is on each of them, where it was said to be, once and in the
// order of its producer; what was read is what is there.
inline void check_history(ClusterStage& stage, const History& history, const std::string& topic,
                          int partitions) {
  for (const auto& fault : history.faults) ADD_FAILURE() << fault;
  for (int p = 0; p < partitions; ++p) {
    const auto found = history.partitions.find(p);
    const History::OfPartition none;
    const auto& mine = found == history.partitions.end() ? none : found->second;
    ClusterStage::Contents first;
    for (int i = 1; i <= stage.count; ++i) {
      const auto replica = stage.replica(i, topic, p);
      if (replica == nullptr) continue;
      const auto log = stage.contents(i, topic, p);
      if (first.empty()) first = log;
      const std::string where = " on broker " + std::to_string(i) + ", partition " + std::to_string(p);
      EXPECT_EQ(log, first) << "replicas differ" << where;
      for (const auto& [at, value] : mine.acknowledged) {
        const auto there = log.find(at);
        if (there == log.end() || there->second != value) {
          ADD_FAILURE() << value << " was acknowledged at " << at << ", where "
                        << (there == log.end() ? "nothing" : there->second) << " is" << where;
          break;
        }
      }
      for (const auto& [at, value] : mine.read) {
        const auto there = log.find(at);
        if (there == log.end() || there->second != value) {
          ADD_FAILURE() << value << " was read at " << at << ", where "
                        << (there == log.end() ? "nothing" : there->second) << " is" << where;
          break;
        }
      }
      // One idempotent producer, one batch at a time: the log is what it sent, from the beginning on.
      size_t n = 0;
      for (const auto& [at, value] : log) {
        if (n >= mine.sent.size() || mine.sent[n] != value) {
          ADD_FAILURE() << "at " << at << " is " << value << " and not "
                        << (n < mine.sent.size() ? mine.sent[n] : "nothing") << where;
          break;
        }
        ++n;
      }
    }
  }
  if (testing::Test::HasFailure()) std::cerr << stage.describe_all(topic) << '\n';
}

}  // namespace godwit::broker
