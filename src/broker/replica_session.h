// What one follower fetches over one connection: the leader's end of replication (design-cluster rules 6, 9, 23).
//
// A follower names a partition when it has something new to say of it: that it synced more, that it is in another epoch. All that
// it named stays in the session and is watched: the fetch is answered as soon as one of them has more records or another
// high watermark, or when the follower has sent its next request. Only what has news costs anything.
//
// Each answer carries what there is of all of them, whatever the request named: first what the follower said counts, then come
// those who may be in sync (others wait for them), and what room is left goes to those who lack what is committed, in the order
// in which they came.
//
// Belongs to the connection's shard; close() must have returned before it is destroyed.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "broker/fetch_wait.h"
#include "broker/request.h"
#include "kafka/messages/fetch.h"
#include "replication/leader_replica.h"

namespace godwit::broker {

class ReplicaSession {
 public:
  ReplicaSession(BrokerShard& shard, Client& client, BrokerId follower, uint64_t incarnation);
  ~ReplicaSession();

  BrokerId follower() const { return follower_; }
  uint64_t incarnation() const { return incarnation_; }
  runtime::Task<kafka::FetchResponse> serve(RequestContext& context, const kafka::FetchRequest& request);
  // Its partitions no longer hear of the follower by this session.
  runtime::Task<void> close();

 private:
  // A partition of the session, and what was last answered.
  struct Target {
    TopicPartition id;
    kafka::FetchRequest::Partition asked;
    Offset answered_high_watermark{-1};
    Offset answered_log_start{-1};
    bool forgotten = false;
    // Its records were answered: none again before the follower says where it is now.
    bool answered_records = false;
    // It is not here (not yet, or no more), which the follower was told: it is not watched before it is named again.
    bool absent = false;
    // Its leader does not take it for a replica: it hears nothing before it is named again.
    bool no_replica = false;
    bool waits = false;  // stands in on_their_way_
  };
  using Answers = std::map<size_t, kafka::FetchResponse::Partition>;

  // Places in the order in which they came, each once.
  class Line {
   public:
    bool empty() const { return order_.empty(); }
    bool has(size_t place) const { return places_.contains(place); }
    void insert(size_t place) {
      if (places_.insert(place).second) order_.push_back(place);
    }
    void erase(size_t place) {
      if (places_.erase(place) > 0) std::erase(order_, place);
    }
    std::vector<size_t> take() {
      places_.clear();
      return std::exchange(order_, {});
    }

   private:
    std::vector<size_t> order_;
    std::set<size_t> places_;
  };

  runtime::Task<void> forget(const kafka::FetchRequest& request);
  // Takes over what the request names; gives the places of those.
  std::vector<size_t> name(const kafka::FetchRequest& request);
  // Why targets are looked at: the request names them (what the follower said of them counts, and it is heard on all shards), there
  // is news of them, or it is their turn. The first two watch them again.
  enum class Look { named, news, again };
  // Looks at these targets, those of one shard in one visit.
  runtime::Task<void> look_at(const std::vector<size_t>& places, Look why, Answers& answers);
  // Looks at what was reported, and watches it again.
  runtime::Task<void> look_at_news(std::vector<size_t> changed, Answers& answers);
  runtime::Task<void> look_at_one(BrokerShard& owner, size_t place, bool named, Answers& answers);
  static bool agrees(Partition& partition, const kafka::FetchRequest::Partition& asked,
                     kafka::FetchResponse::Partition& answer);
  // Gives records to those who wait for room, as there is some.
  runtime::Task<void> give_unread(Answers& answers);
  // Gives records of replicas that are on their way, as the throttle lets them, one after the other: each that was given some
  // goes to the end of the line.
  runtime::Task<void> give_moving(Answers& answers);
  bool has_news(const Target& target, const kafka::FetchResponse::Partition& answer) const;
  runtime::Task<void> take_memory(RequestContext& context, Answers& answers);
  // When there may be something without any news.
  MonotonicTime next_look(MonotonicTime deadline) const;

  BrokerShard& shard_;
  BrokerId follower_;
  uint64_t incarnation_;
  // The connection's number: there is one session on each at a time.
  uint64_t session_;
  int32_t id_ = 0;
  int32_t next_epoch_ = 0;
  FetchWait wait_;
  std::vector<Target> targets_;
  std::map<TopicPartition, size_t> places_;
  std::vector<size_t> free_;  // places of forgotten targets
  std::set<size_t> shards_;   // of targets
  // Have records, and wait for room in an answer or for memory to read with.
  Line unread_;
  bool giving_unread_ = false;
  // Partitions of which the follower is on its way and lacks records.
  std::deque<size_t> on_their_way_;
  size_t granted_ = 0;  // to the one that is looked at
  size_t bytes_max_ = 0;
  size_t bytes_left_for_unread_ = 0;
  size_t total_ = 0;
};

// Serves a Fetch that names a replica. A stranger is refused: whoever is not registered with this incarnation, in this cluster.
runtime::Task<kafka::FetchResponse> fetch_for_replica(RequestContext& context, kafka::FetchRequest request);

}  // namespace godwit::broker
