// Fetch sessions (KIP-227): a consumer of many partitions names them once, then only what changes; answers carry only
// partitions with news.
//
// A session belongs to the shard of the connection that made it. There is a bound of sessions on each shard, and one of the memory
// for what all of them name; above it the least recently used gives way, and where none may, the fetch goes on without
// a session.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "kafka/messages/fetch.h"
#include "runtime/random.h"

namespace godwit::broker {

// A partition as a fetch asks for it, and what a session last answered.
struct FetchTarget {
  std::string topic;  // empty where the request names topics by id
  TopicId topic_id;   // zero where it names them by name
  kafka::FetchRequest::Partition partition;

  // The last answer of a session: what equals it is left out of the next.
  Offset answered_high_watermark{-1};
  Offset answered_log_start{-1};
  bool answered_error = false;
};

class FetchSession {
 public:
  int32_t id = 0;
  int32_t next_epoch = 1;
  bool by_topic_id = false;
  MonotonicTime last_used{};
  bool in_use = false;  // a fetch of it is under way
  // In the order of the request; partitions that gave data move to the end, so that large ones do not starve others.
  std::list<FetchTarget> targets;

  // Of memory, about, that its targets take.
  size_t bytes() const { return bytes_; }

  // Applies an incremental request: adds or changes what it names, forgets what it says.
  void update(const kafka::FetchRequest& request);
  // These targets gave data: others come first next time.
  void move_to_end(const std::vector<FetchTarget*>& served);

 private:
  using Key = std::pair<std::string, std::pair<TopicId, int32_t>>;
  friend class FetchSessions;
  std::map<Key, std::list<FetchTarget>::iterator> index_;
  size_t bytes_ = 0;
};

class FetchSessions {
 public:
  // Some 150,000 partitions with names of a usual length.
  static constexpr size_t kBytesMax = size_t{64} << 20;
  FetchSessions(size_t sessions_max, runtime::Random& random, size_t bytes_max = kBytesMax)
      : sessions_max_(sessions_max), bytes_max_(bytes_max), random_(random) {}

  // What a request means for sessions.
  struct Begin {
    ErrorCode error =
        ErrorCode::none;  // fetch_session_id_not_found, invalid_fetch_session_epoch, …: answer just that
    std::shared_ptr<FetchSession> session;  // null: without a session
    bool incremental = false;               // leave partitions without news out
  };
  // `version` decides whether topics are named by id.
  Begin begin(const kafka::FetchRequest& request, int16_t version, MonotonicTime now);

  size_t size() const { return sessions_.size(); }
  // Of memory, about, that what the sessions name takes.
  size_t bytes() const { return bytes_; }
  uint64_t evictions() const { return evictions_; }

 private:
  std::shared_ptr<FetchSession> open(const kafka::FetchRequest& request, bool by_topic_id, MonotonicTime now);
  // For a session of so many partitions and bytes; false where none may give way.
  bool make_room(size_t partitions, size_t bytes, MonotonicTime now);
  void end(int32_t id);
  size_t sessions_max_;
  size_t bytes_max_;
  size_t bytes_ = 0;
  runtime::Random& random_;
  std::unordered_map<int32_t, std::shared_ptr<FetchSession>> sessions_;
  uint64_t evictions_ = 0;
};

}  // namespace godwit::broker
