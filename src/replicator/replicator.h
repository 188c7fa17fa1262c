// Keeps the logs of one shard, of which others are the leaders, equal to theirs: fetches what they lack, writes it, and tells the
// leader what is synced (design-cluster rule 9: a follower syncs, then fetches).
//
//   Replicator replicator(options, runtime, diagnostics);
//   replicator.follow({id, log, epoch, leader});              // also when epoch or leader changed
//   co_await replicator.unfollow(id);                         // before anybody else writes to the log
//
// One connection and one fetch session for each leader, with all partitions that follow it; a long poll each, answered by
// data or by a new high watermark. What a fetch brought is written together and shares a round of the journal. Decisions are
// replication::FollowerReplica's.
//
// Belongs to one shard. Logs and observers must live until unfollow() has returned.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "base/diagnostic.h"
#include "metrics/registry.h"
#include "model/broker_id.h"
#include "model/epoch.h"
#include "peer/connection.h"
#include "replicator/throttle.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"
#include "storage/log.h"

namespace godwit::replicator {

struct ReplicatorOptions {
  BrokerId self;
  uint64_t incarnation = 0;
  std::string cluster_id;
  // How long a leader holds a fetch that it has no news for. The session must not look silent: less than half the
  // session timeout.
  Duration wait_max = std::chrono::milliseconds(1000);
  size_t fetch_bytes_max = 16 << 20;
  size_t partition_bytes_max = 4 << 20;
  // A fetch that is not answered within wait_max and so much more is given up.
  Duration patience = std::chrono::seconds(3);
  // Bounds what is fetched for replicas that are on their way, of all shards; outlives the replicator. Null: no bound.
  Throttle* throttle = nullptr;
  // Counts it. Null: nobody counts.
  metrics::Counter* moved_bytes = nullptr;
};

struct Leader {
  BrokerId id;
  uint64_t incarnation = 0;
  runtime::Endpoint at;
};

// Told on the shard.
class FollowObserver {
 public:
  virtual ~FollowObserver() = default;
  // The log agrees with the leader's of this epoch.
  virtual void settled(LeaderEpoch epoch) = 0;
  // The high watermark moved, or records came.
  virtual void followed() = 0;
};

// What is to be followed.
struct Following {
  TopicPartition id;
  storage::Log* log = nullptr;
  LeaderEpoch epoch;
  Leader leader;
  // An operator elected the leader of an epoch that this log did not take part in, and so gave up what that one lacks.
  bool accept_loss = false;
  // It is on its way (being added, or named by an operator), not in sync: it waits for the throttle while it lags.
  bool throttled = false;
  FollowObserver* observer = nullptr;
};

class Replicator {
 public:
  Replicator(ReplicatorOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics);
  ~Replicator();

  // The log follows `leader` in this epoch from now on (where it does already, `throttled` is taken over); what was followed before for this partition is replaced (writing that is
  // under way ends first).
  void follow(Following what);
  // Returns when nothing is written to the log any more.
  runtime::Task<void> unfollow(TopicPartition id);
  size_t following() const;
  // Committed records that the log lacks, as its leader last said; empty where it is not followed or has not settled.
  std::optional<int64_t> lag(const TopicPartition& id) const;
  // This broker is another to its leaders from now on: what they are asked begins anew.
  void set_incarnation(uint64_t incarnation);

  runtime::Task<void> close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace godwit::replicator
