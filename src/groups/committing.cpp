// Offsets: committing them, reading them back, forgetting some.
#include "groups/group_manager_impl.h"

namespace godwit::groups {

void GroupManager::Impl::handle(RequestToken token, OffsetCommitRequest& request, Now now) {
  Group* group = find(request.group);
  if (const auto error = check_commit(group, request); error != ErrorCode::none) {
    return reply(token, error_response(request, error));
  }
  if (in_flight_bytes >= options.in_flight_bytes_max) {
    return reply(token, error_response(request, ErrorCode::coordinator_not_available));
  }
  if (group != nullptr) {
    // Who commits lives.
    if (Member* member = group->find(std::string_view(request.member))) arm_session(*group, *member, now);
  } else {
    group = &get(request.group);
  }

  std::optional<WallTime> expires_at;
  // An absurd retention time must not overflow into the past.
  constexpr int64_t kRetentionMax = int64_t{1} << 50;
  if (request.retention_ms >= 0)
    expires_at = WallTime{now.wall.ms + std::min(request.retention_ms, kRetentionMax)};
  OffsetCommitResponse response;
  std::vector<Record> records;
  for (auto& topic : request.topics) {
    auto& answered = response.topics.emplace_back();
    answered.name = topic.name;
    answered.id = topic.id;
    for (auto& partition : topic.partitions) {
      if (partition.metadata.size() > static_cast<size_t>(options.offset_metadata_bytes_max)) {
        answered.partitions.push_back({partition.partition, ErrorCode::offset_metadata_too_large});
        continue;
      }
      answered.partitions.push_back({partition.partition, ErrorCode::none});
      records.push_back(OffsetCommitted{request.group, topic.name, partition.partition, partition.offset,
                                        partition.leader_epoch, std::move(partition.metadata), now.wall,
                                        expires_at, topic.id});
    }
  }
  if (records.empty()) {
    reply(token, std::move(response));
    return drop_if_unused(*group);
  }
  write(*group, std::move(records), OffsetsWrite{}, now).replies.push_back({token, std::move(response)});
}

ErrorCode GroupManager::Impl::check_commit(Group* group, const OffsetCommitRequest& request) const {
  constexpr int16_t kGroupNotFoundSince = 9;
  if (group == nullptr || !group->exists()) {
    if (request.generation < 0) return ErrorCode::none;  // a simple group begins with its first commit
    return request.version >= kGroupNotFoundSince ? ErrorCode::group_id_not_found
                                                  : ErrorCode::illegal_generation;
  }
  if (group->state == GroupState::dead) return ErrorCode::coordinator_not_available;
  if (request.generation < 0 && group->state == GroupState::empty) return ErrorCode::none;
  if (request.generation < 0 && request.member.empty() && !request.instance)
    return ErrorCode::unknown_member_id;
  if (const auto error = group->check_member(request.member, request.instance); error != ErrorCode::none)
    return error;
  if (request.generation != group->generation()) return ErrorCode::illegal_generation;
  // It has heard of the new generation, and does not yet know what it owns in it.
  if (group->state == GroupState::completing_rebalance) return ErrorCode::rebalance_in_progress;
  return ErrorCode::none;
}

void GroupManager::Impl::handle(RequestToken token, OffsetFetchRequest& request, Now) {
  Group* group = find(request.group);
  if (request.require_stable && group != nullptr && group->in_flight > 0) {
    const auto newest = in_flight.find(group->last_sequence);
    if (newest != in_flight.end()) {
      request.require_stable = false;  // what comes after is not waited for, so that this ends
      return defer(newest->second, token, std::move(request));
    }
  }
  const bool known = group != nullptr && group->state != GroupState::dead;
  OffsetFetchResponse response;
  const auto held = [](PartitionIndex partition, const CommittedOffset& o) {
    return OffsetFetchResponse::Partition{partition, o.offset, o.leader_epoch, o.metadata, ErrorCode::none};
  };
  if (!request.topics) {
    if (!known) return reply(token, std::move(response));
    for (const auto& [name, partitions] : group->offsets.topics()) {
      OffsetFetchResponse::Topic* topic = nullptr;
      for (const auto& [partition, offset] : partitions) {
        // Some may be of a topic that is gone.
        if (topic == nullptr || topic->id != offset.topic_id) {
          topic = &response.topics.emplace_back();
          topic->name = name;
          topic->id = offset.topic_id;
        }
        topic->partitions.push_back(held(partition, offset));
      }
    }
    return reply(token, std::move(response));
  }
  for (auto& asked : *request.topics) {
    auto& topic = response.topics.emplace_back();
    topic.name = std::move(asked.name);
    topic.id = asked.id;
    for (const auto partition : asked.partitions) {
      const CommittedOffset* offset = known ? group->offsets.find(topic.name, partition) : nullptr;
      // Committed for a topic of that name that is gone: not this one's.
      const bool other_topic = offset != nullptr && !offset->topic_id.is_zero() && !asked.id.is_zero() &&
                               offset->topic_id != asked.id;
      if (offset == nullptr || other_topic) {
        topic.partitions.push_back({.partition = partition});
      } else {
        topic.partitions.push_back(held(partition, *offset));
      }
    }
  }
  reply(token, std::move(response));
}

void GroupManager::Impl::handle(RequestToken token, OffsetDeleteRequest& request, Now now) {
  const auto refuse = [&](ErrorCode error) { reply(token, OffsetDeleteResponse{error, {}}); };
  if (request.group.empty()) return refuse(ErrorCode::invalid_group_id);
  Group* group = find(request.group);
  if (group == nullptr || !group->exists() || group->state == GroupState::dead) {
    return refuse(ErrorCode::group_id_not_found);
  }
  // What the members of another protocol read cannot be known.
  if (group->state != GroupState::empty && group->protocol_type != kConsumerProtocolType) {
    return refuse(ErrorCode::non_empty_group);
  }
  if (in_flight_bytes >= options.in_flight_bytes_max) return refuse(ErrorCode::coordinator_not_available);
  OffsetDeleteResponse response;
  std::vector<Record> records;
  for (const auto& topic : request.topics) {
    auto& answered = response.topics.emplace_back();
    answered.name = topic.name;
    const bool subscribed = group->is_subscribed(topic.name);
    for (const auto partition : topic.partitions) {
      answered.partitions.push_back(
          {partition, subscribed ? ErrorCode::group_subscribed_to_topic : ErrorCode::none});
      if (subscribed) continue;
      // With commits under way it may be about to be there.
      if (group->offsets.find(topic.name, partition) != nullptr || group->in_flight > 0) {
        records.push_back(OffsetForgotten{group->id, topic.name, partition});
      }
    }
  }
  if (records.empty()) return reply(token, std::move(response));
  write(*group, std::move(records), OffsetsWrite{}, now).replies.push_back({token, std::move(response)});
}

}  // namespace godwit::groups
