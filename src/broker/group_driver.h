// Drives the group manager of one partition of __consumer_offsets: loads it from the log, hands it requests, timers and
// deletions of topics, writes what it decides in order, and brings its answers to whoever asked.
//
//   auto driver = std::make_shared<GroupDriver>(shard, partition, options, diagnostics, metrics, topic_now);
//   driver->start();                                       // loads in the background
//   groups::Response response = co_await driver->ask(groups::HeartbeatRequest{…});
//   co_await driver->stop();                               // before the store closes
//
// Belongs to the partition's shard; everything is called there. The shard, the diagnostics and the metrics must outlive it. After start()
// it must be kept until stop() has returned.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/diagnostic.h"
#include "broker/metrics.h"
#include "broker/partition.h"
#include "groups/group_manager.h"
#include "runtime/sync.h"

namespace godwit::broker {

class GroupDriver : public std::enable_shared_from_this<GroupDriver> {
 public:
  // The id of the topic of that name now; zero where there is none.
  using TopicNow = std::function<TopicId(const std::string&)>;

  GroupDriver(runtime::Shard& shard, std::shared_ptr<Partition> partition,
              const groups::GroupOptions& options, DiagnosticSink& diagnostics, GroupMetrics& metrics,
              TopicNow topic_now, Duration session_timeout = std::chrono::seconds(3));
  ~GroupDriver();

  // Begins to load. Until that has ended requests are answered with COORDINATOR_LOAD_IN_PROGRESS; a log that cannot be read
  // is tried again every second, with one diagnostic.
  void start();
  // Answers every request that waits, parked ones too, and all later ones with NOT_COORDINATOR; returns when nothing of the
  // driver runs any more. What was being written may or may not end up in the log.
  runtime::Task<void> stop();

  // Asks the manager. It has decided before ask() suspends for the first time. The task may be destroyed while it waits: the
  // answer is then thrown away. NOT_COORDINATOR also while it is not certain that these groups are still managed here: clients
  // then look for their manager anew.
  // `gone`: nobody waits for a parked Join or Sync any more once that is true, which is looked at every second. The member stays,
  // as in Kafka, until the rebalance has had its time and its session has ended.
  runtime::Task<groups::Response> ask(groups::Request request, const std::atomic<bool>* gone = nullptr);
  // A topic is gone, and with it what was committed for it.
  void topic_deleted(const std::string& name, const TopicId& id);

  const Partition& partition() const { return *partition_; }
  // Whether this broker still leads the partition in the epoch in which the driver was made.
  bool reigns() const { return partition_->leading() && partition_->reign() == reign_; }
  bool loaded() const { return loaded_; }
  // For metrics and tests.
  const groups::GroupManager& manager() const { return manager_; }
  size_t waiting() const { return waiting_.size(); }

 private:
  class Asking;
  // What was appended as one record batch.
  struct Written {
    std::vector<groups::Sequence> sequences;
    Offset end;
  };

  groups::Now now() const { return {shard_.now(), shard_.wall_now()}; }
  // Hands out the manager's output and sets the timer: after each event.
  void carry_out();
  void set_timer();
  void ring();
  // Whether nobody else can manage these groups by now (design-cluster rule 15).
  bool sure();
  bool alone() const { return partition_->state().replicas.size() <= 1; }
  // While it is not sure: who waits for a write loses patience, in the end all who wait are sent away.
  void ring_unsure();

  runtime::Task<void> load();
  // Reads on from `from` to `end`. False when the log refused (said in `why`).
  runtime::Task<bool> load_to(Offset& from, Offset end, std::string& why);
  // Gives the records of whole batches to the manager, those from `from` on.
  runtime::Task<bool> load_batches(const Bytes& batches, Offset from, std::string& why);
  void finish_loading();
  // Waits, but not once the driver is stopped.
  runtime::Task<void> pause(Duration duration);

  runtime::Task<void> write();
  runtime::Task<void> append(std::vector<groups::RecordBatch> batches);
  std::vector<groups::RecordBatch> take_for_one_append();
  runtime::Task<void> await_commits();
  void tell_refusal(const storage::Refusal& refusal);
  void report_failed(const std::vector<groups::Sequence>& sequences, ErrorCode error);

  runtime::Shard& shard_;
  std::shared_ptr<Partition> partition_;
  uint64_t reign_;
  Duration session_timeout_;
  groups::GroupManager manager_;
  DiagnosticSink& diagnostics_;
  GroupMetrics& metrics_;
  groups::GroupTally counted_;  // what metrics_ know of
  TopicNow topic_now_;
  std::vector<std::pair<std::string, TopicId>> deleted_while_loading_;
  bool loaded_ = false;
  bool stopping_ = false;
  MonotonicTime started_;
  std::optional<MonotonicTime> unleased_since_;  // as sure() found it
  std::optional<MonotonicTime> unsure_since_;    // as ring() found it
  bool turned_away_ = false;                     // who waited when that had lasted too long
  ErrorCode last_refusal_ = ErrorCode::none;     // of an append, told once until one succeeds

  uint64_t last_token_ = 0;
  std::unordered_map<uint64_t, Asking*> waiting_;  // by token; each leaves by itself
  std::deque<groups::RecordBatch> backlog_;        // to be appended
  std::deque<Written> written_;                    // appended, not yet known to be committed
  runtime::Condition changed_;                     // backlog_, written_ or stopping_
  runtime::Timer timer_;
  runtime::Gate tasks_;
};

}  // namespace godwit::broker
