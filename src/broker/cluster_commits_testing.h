// A client of a ClusterStage that commits offsets of groups, and reads them back.
//
//   Commits commits(stage, "orders");
//   … faults …
//   commits.finish();                         // after healing: every commit that was acknowledged is there
//
// Each commit is of a group of its own, so that one whose answer was lost, and that comes late, overwrites none.
#pragma once

#include "broker/cluster_history_testing.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"

namespace godwit::broker {

class Commits {
 public:
  Commits(ClusterStage& stage, History& history, std::string topic, Duration pause = 10ms)
      : stage_(stage), history_(history), topic_(std::move(topic)), pause_(pause) {
    stage.client.start([this](Runtime& runtime) { return work(runtime); });
  }
  // Reads all of them once more.
  void finish() {
    ending_ = true;
    EXPECT_TRUE(stage_.wait([&] { return ended_; }, 180s)) << stage_.describe_all("__consumer_offsets");
  }
  int64_t acknowledged() const { return acknowledged_; }

 private:
  Task<void> work(Runtime& runtime) {
    peer::Cluster cluster(runtime.network(), stage_.bootstrap(), ClusterStage::patient());
    for (int64_t n = 1; !ending_; ++n) {
      if (!co_await commit(cluster, n)) break;
      acknowledged_ = n;
      // The last one, and one of before: neither is forgotten by any manager at any time.
      co_await look(cluster, n);
      co_await look(cluster, (n + 1) / 2);
      co_await runtime::sleep_for(pause_);
    }
    for (int64_t n = 1; n <= acknowledged_; ++n) co_await look(cluster, n);
    cluster.close();
    ended_ = true;
  }
  static std::string group(int64_t n) { return "readers-" + std::to_string(n); }

  // Until it is acknowledged; false where that does not end.
  Task<bool> commit(peer::Cluster& cluster, int64_t n) {
    const MonotonicTime began = stage_.world.now();
    for (;;) {
      kafka::OffsetCommitRequest request;
      request.group_id = group(n);
      auto& topic = request.topics.emplace_back();
      topic.name = topic_;
      topic.partitions.push_back({.partition_index = PartitionIndex(0), .committed_offset = Offset(n)});
      const auto answer = co_await cluster.call(
          peer::Target::coordinator(group(n)), std::move(request),
          [](const kafka::OffsetCommitResponse&) { return ErrorCode::none; }, {.version_max = 9});
      if (answer) {
        const ErrorCode code = answer->topics.at(0).partitions.at(0).error_code;
        if (code == ErrorCode::none) co_return true;
        if (!is_retriable(code)) history_.fault("committing: " + std::string(to_string(code)));
      }
      if (ending_ && stage_.world.now() - began > 60s) {
        history_.fault("committing for " + group(n) + " does not end");
        co_return false;
      }
      co_await runtime::sleep_for(20ms);
    }
  }
  // What was acknowledged is there, as soon as anybody answers.
  Task<void> look(peer::Cluster& cluster, int64_t n) {
    const MonotonicTime began = stage_.world.now();
    for (;;) {
      kafka::OffsetFetchRequest request;
      request.group_id = group(n);
      request.topics.emplace().push_back({topic_, {PartitionIndex(0)}});
      const auto answer = co_await cluster.call(
          peer::Target::coordinator(group(n)), std::move(request),
          [](const kafka::OffsetFetchResponse&) { return ErrorCode::none; }, {.version_max = 7});
      if (answer && answer->error_code == ErrorCode::none) {
        const auto& found = answer->topics.at(0).partitions.at(0);
        if (found.error_code == ErrorCode::none) {
          if (found.committed_offset != Offset(n))
            history_.fault(group(n) + " committed " + std::to_string(n) + ", and " +
                           to_string(found.committed_offset) + " is found");
          co_return;
        }
      }
      if (ending_ && stage_.world.now() - began > 60s) {
        history_.fault("reading what " + group(n) + " committed does not end");
        co_return;
      }
      co_await runtime::sleep_for(20ms);
    }
  }

  ClusterStage& stage_;
  History& history_;
  std::string topic_;
  Duration pause_;
  int64_t acknowledged_ = 0;
  bool ending_ = false;
  bool ended_ = false;
};

}  // namespace godwit::broker
