#include "broker/fetch_session.h"

#include <algorithm>
#include <limits>

namespace godwit::broker {
namespace {

// A session that was used lately is evicted only for a larger one (KIP-227's cache policy).
constexpr Duration kEvictAfter = std::chrono::minutes(2);

// Of one target: itself, its place in the index, and its topic's name in both.
size_t bytes_of(const std::string& topic) {
  return 256 + sizeof(FetchTarget) + 2 * topic.size();
}

}  // namespace

void FetchSession::update(const kafka::FetchRequest& request) {
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      const Key key{topic.topic, {topic.topic_id, partition.partition.value()}};
      if (const auto found = index_.find(key); found != index_.end()) {
        found->second->partition = partition;
        continue;
      }
      targets.push_back({topic.topic, topic.topic_id, partition});
      index_[key] = std::prev(targets.end());
      bytes_ += bytes_of(topic.topic);
    }
  }
  for (const auto& topic : request.forgotten_topics_data) {
    for (const PartitionIndex partition : topic.partitions) {
      const auto found = index_.find({topic.topic, {topic.topic_id, partition.value()}});
      if (found == index_.end()) continue;
      bytes_ -= bytes_of(topic.topic);
      targets.erase(found->second);
      index_.erase(found);
    }
  }
}

void FetchSession::move_to_end(const std::vector<FetchTarget*>& served) {
  for (const FetchTarget* target : served) {
    const auto found = index_.find({target->topic, {target->topic_id, target->partition.partition.value()}});
    if (found != index_.end()) targets.splice(targets.end(), targets, found->second);
  }
}

FetchSessions::Begin FetchSessions::begin(const kafka::FetchRequest& request, int16_t version,
                                          MonotonicTime now) {
  const bool by_topic_id = version >= 13;
  constexpr int32_t kFinal = -1;
  constexpr int32_t kInitial = 0;
  if (request.session_epoch == kFinal) {
    // No session, or the end of one: the request is full and stands for itself.
    end(request.session_id);
    return {};
  }
  if (request.session_epoch == kInitial) {
    end(request.session_id);
    return {ErrorCode::none, open(request, by_topic_id, now), false};
  }
  const auto found = sessions_.find(request.session_id);
  if (found == sessions_.end()) return {ErrorCode::fetch_session_id_not_found, nullptr, false};
  FetchSession& session = *found->second;
  // A fetch of the session is still under way: its client has given up on it and asks out of turn.
  if (session.in_use || request.session_epoch != session.next_epoch) {
    return {ErrorCode::invalid_fetch_session_epoch, nullptr, false};
  }
  if (session.by_topic_id != by_topic_id) return {ErrorCode::fetch_session_topic_id_error, nullptr, false};
  session.next_epoch = session.next_epoch == std::numeric_limits<int32_t>::max() ? 1 : session.next_epoch + 1;
  session.last_used = now;
  bytes_ -= session.bytes();
  session.update(request);
  bytes_ += session.bytes();
  if (bytes_ > bytes_max_) {
    // Its client begins anew, with a session if there is room then.
    end(request.session_id);
    return {ErrorCode::fetch_session_id_not_found, nullptr, false};
  }
  return {ErrorCode::none, found->second, true};
}

std::shared_ptr<FetchSession> FetchSessions::open(const kafka::FetchRequest& request, bool by_topic_id,
                                                  MonotonicTime now) {
  size_t partitions = 0;
  size_t bytes = 0;
  for (const auto& topic : request.topics) {
    partitions += topic.partitions.size();
    bytes += topic.partitions.size() * bytes_of(topic.topic);
  }
  if (!make_room(partitions, bytes, now)) return nullptr;
  auto session = std::make_shared<FetchSession>();
  do {
    session->id = static_cast<int32_t>(1 + random_.below(std::numeric_limits<int32_t>::max()));
  } while (sessions_.contains(session->id));
  session->by_topic_id = by_topic_id;
  session->last_used = now;
  session->update(request);
  bytes_ += session->bytes();
  sessions_[session->id] = session;
  return session;
}

void FetchSessions::end(int32_t id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  bytes_ -= found->second->bytes();
  sessions_.erase(found);
}

bool FetchSessions::make_room(size_t partitions, size_t bytes, MonotonicTime now) {
  if (bytes > bytes_max_) return false;
  while (sessions_.size() >= sessions_max_ || bytes_ + bytes > bytes_max_) {
    const auto oldest = std::ranges::min_element(sessions_, {}, [](const auto& entry) {
      return entry.second->in_use ? MonotonicTime::max() : entry.second->last_used;
    });
    if (oldest == sessions_.end() || oldest->second->in_use) return false;
    const bool stale = now - oldest->second->last_used >= kEvictAfter;
    if (!stale && oldest->second->targets.size() >= partitions) return false;
    end(oldest->first);
    ++evictions_;
  }
  return true;
}

}  // namespace godwit::broker
