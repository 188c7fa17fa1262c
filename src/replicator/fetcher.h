// Everything that one shard fetches from one leader: a connection, a fetch session on it, and the logs that follow.
//
// At most two requests are under way: one that the leader holds until there is news, and behind it one that says what is new
// here. Belongs to its Replicator's shard.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "replicator/followed.h"

namespace godwit::replicator {

class Fetcher {
 public:
  Fetcher(Leader leader, const ReplicatorOptions& options, runtime::Runtime& runtime, runtime::Shard& shard,
          DiagnosticSink& diagnostics);

  const Leader& leader() const { return leader_; }
  void start();
  void add(std::shared_ptr<Followed> log);
  void remove(const TopicPartition& id);
  bool empty() const { return logs_.empty(); }
  // Begins anew, on another connection.
  void reconnect();
  // Returns when nothing is under way.
  runtime::Task<void> stop();

 private:
  using LogPtr = std::shared_ptr<Followed>;

  runtime::Task<void> run();
  runtime::Task<bool> connect();
  // Waits a while, longer each time until an answer came.
  runtime::Task<void> back_off();
  // Sends what is to be said, if anything is. False: nothing is.
  bool send_next();
  // How many bytes each log on its way may be asked for in this request, and how many all of them.
  struct Grant {
    size_t each = SIZE_MAX;
    size_t all = SIZE_MAX;
  };
  Grant grant() const;
  // Whether a request that has nothing to say had better wait for a moment.
  bool gathering() const;
  // The request that names those logs; empty where there is nothing to say.
  std::optional<kafka::FetchRequest> next_request();
  // `number`: which request of its connection it is, from 1.
  runtime::Task<void> exchange(std::shared_ptr<peer::Connection> connection, kafka::FetchRequest request,
                               uint64_t number);
  runtime::Task<void> take(std::shared_ptr<peer::Connection> connection,
                           Result<kafka::FetchResponse> response, uint64_t number);
  runtime::Task<void> take_one(LogPtr log, kafka::FetchResponse::Partition answer);
  void drop_connection();
  std::optional<MonotonicTime> next_tick() const;

  Leader leader_;
  const ReplicatorOptions& options_;
  runtime::Runtime& runtime_;
  runtime::Shard& shard_;
  DiagnosticSink& diagnostics_;
  std::map<TopicPartition, LogPtr> logs_;
  // Those that may have something to ask: all others wait for an answer.
  std::vector<LogPtr> restless_;
  // What the leader is to forget with the next request, and in which epoch it was followed. Before what that request names: what
  // is followed anew in another epoch need not be here (the leader sees that it is new), in the same epoch it must be.
  std::map<TopicPartition, LeaderEpoch> forgotten_;
  std::shared_ptr<peer::Connection> connection_;
  int32_t session_id_ = 0;
  int32_t session_epoch_ = 0;
  uint64_t requests_ = 0;  // on this connection
  size_t under_way_ = 0;
  size_t writing_ = 0;  // answers that are being carried out
  MonotonicTime gather_until_{};
  Duration backoff_{};
  bool told_unreachable_ = false;
  bool refused_ = false;
  bool held_back_ = false;  // something waits for the throttle
  bool stopped_ = false;
  runtime::Condition changed_;
  runtime::Gate tasks_;
};

}  // namespace godwit::replicator
