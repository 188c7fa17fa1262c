// One log that follows a leader: what its FollowerReplica decides, carried out on the log.
//
// Belongs to its Replicator's shard.
#pragma once

#include <memory>

#include "base/diagnostic.h"
#include "kafka/messages/fetch.h"
#include "replication/follower_replica.h"
#include "replicator/replicator.h"
#include "runtime/sync.h"
#include "storage/log.h"

namespace godwit::replicator {

class Followed {
 public:
  Followed(const Following& what, runtime::Shard& shard, DiagnosticSink& diagnostics);

  const TopicPartition& id() const { return id_; }
  const Leader& leader() const { return leader_; }
  LeaderEpoch epoch() const { return machine_.epoch(); }

  // The next fetch, if it is time; empty while one is under way, while the log is written, and once ended.
  std::optional<replication::FetchFrom> next_fetch();
  std::optional<MonotonicTime> next_tick() const { return ended_ ? std::nullopt : machine_.next_tick(); }
  // Carries out what the leader answered: returns when the log is written and synced, and a next fetch may go out.
  runtime::Task<void> answered(kafka::FetchResponse::Partition answer);
  // No answer comes to what was asked last.
  void lost();

  // What was asked last; what the session of the leader knows when `named`.
  const replication::FetchFrom& asked() const { return asked_; }
  // Whether the session holds it in the words of asked().
  bool named = false;
  // Whether what comes counts as moved.
  bool asked_on_its_way = false;

  // It is on its way while it is marked so and lacks something that is committed: who has all that is about to join the ISR,
  // and then others wait for it.
  void set_throttled(bool throttled) { throttled_ = throttled; }
  bool on_its_way() const { return throttled_ && machine_.lag() != 0; }
  // See FollowerReplica::lag().
  std::optional<int64_t> lag() const { return machine_.lag(); }
  // The first request of the connection that named it, counted from 1: answers to earlier ones are meant for what followed
  // in an earlier epoch. 0: none did.
  uint64_t named_in = 0;
  // The newest request that named it.
  uint64_t asked_in = 0;

  // Nothing more is begun; returns when nothing is written any more.
  runtime::Task<void> end();
  bool ended() const { return ended_; }

 private:
  replication::LogFacts facts() const;
  runtime::Task<void> carry_out(const replication::FollowerStep& step,
                                kafka::FetchResponse::Partition& answer);
  // Takes over what the machine knows by now.
  runtime::Task<void> follow_on();
  // Deletes what the leader deleted.
  runtime::Task<void> follow_start();
  // Whether the log's rose.
  bool raise_high_watermark();
  void tell(Severity severity, const char* name, std::string text) const;

  TopicPartition id_;
  storage::Log& log_;
  Leader leader_;
  FollowObserver& observer_;
  runtime::Shard& shard_;
  DiagnosticSink& diagnostics_;
  replication::FollowerReplica machine_;
  replication::FetchFrom asked_;
  bool throttled_ = false;
  bool told_settled_ = false;
  bool told_trouble_ = false;
  bool ended_ = false;
  size_t writing_ = 0;
  runtime::Condition written_;
};

}  // namespace godwit::replicator
