// What goes: groups that are deleted, offsets of deleted topics, and what has expired.
#include <algorithm>

#include "groups/group_manager_impl.h"

namespace godwit::groups {
namespace {

// Whether offsets that were committed for `held` belong to the topic `deleted`; before topic ids all of one
// name do.
bool belongs_to(const TopicId& held, const TopicId& deleted) {
  return held.is_zero() || deleted.is_zero() || held == deleted;
}

size_t size_of(const OffsetForgotten& record) {
  return record.group.size() + record.topic.size() + 16;
}

// Collects tombstones and says when a batch is full.
class Sweep {
 public:
  void add(OffsetForgotten record) {
    bytes_ += size_of(record);
    records_.push_back(std::move(record));
  }
  bool full() const { return records_.size() >= kSweepRecordsMax || bytes_ >= kSweepBytesMax; }
  bool empty() const { return records_.empty(); }
  std::vector<Record> take() {
    bytes_ = 0;
    return std::exchange(records_, {});
  }

 private:
  std::vector<Record> records_;
  size_t bytes_ = 0;
};

}  // namespace

void GroupManager::Impl::handle(RequestToken token, DeleteGroupRequest& request, Now now) {
  Group* group = find(request.group);
  if (group == nullptr || group->state == GroupState::dead) {
    return reply(token, DeleteGroupResponse{ErrorCode::group_id_not_found});
  }
  // What is being committed must be seen, or it would outlive the group.
  if (group->in_flight > 0) {
    if (const auto newest = in_flight.find(group->last_sequence); newest != in_flight.end()) {
      return defer(newest->second, token, std::move(request));
    }
    return reply(token, DeleteGroupResponse{ErrorCode::coordinator_not_available});
  }
  if (!group->exists()) return reply(token, DeleteGroupResponse{ErrorCode::group_id_not_found});
  if (group->state != GroupState::empty) return reply(token, DeleteGroupResponse{ErrorCode::non_empty_group});
  continue_deletion(*group, token, now);
}

// One batch after the other: offsets first, so that what is left after a failure is still a group.
void GroupManager::Impl::continue_deletion(Group& group, RequestToken token, Now now) {
  enter(group, GroupState::dead);
  Sweep sweep;
  bool last = true;
  for (const auto& [topic, partitions] : group.offsets.topics()) {
    for (const auto& [partition, offset] : partitions) {
      if (sweep.full()) {
        last = false;
        break;
      }
      sweep.add({group.id, topic, partition});
    }
  }
  auto records = sweep.take();
  if (last) {
    for (const auto& [id, serial] : std::map(group.pending)) drop_pending(group, id);
    records.push_back(GroupForgotten{group.id});
  }
  write(group, std::move(records), DeletionWrite{token, last}, now);
}

void GroupManager::Impl::topic_deleted(const std::string& name, const TopicId& id, Now now) {
  if (phase != Phase::active) return;
  for (auto& [sequence, write] : in_flight) {
    const bool commits = std::any_of(write.records.begin(), write.records.end(), [&](const Record& record) {
      const auto* committed = std::get_if<OffsetCommitted>(&record);
      return committed != nullptr && committed->topic == name && belongs_to(committed->topic_id, id);
    });
    if (commits) write.deleted_topics.emplace_back(name, id);
  }
  for (auto& [group_name, group] : groups_) forget_topic(*group, name, id, now);
}

void GroupManager::Impl::forget_topic(Group& group, const std::string& name, const TopicId& id, Now now) {
  forget_offsets(
      group, name, [&](const TopicId& held) { return belongs_to(held, id); }, now);
}

void GroupManager::Impl::topic_is(const std::string& name, const TopicId& id, Now now) {
  if (phase != Phase::active) return;
  const auto gone = [&](const TopicId& held) { return id.is_zero() || !belongs_to(held, id); };
  // After a load this is asked of every topic: thousands of topics times ten thousands of groups would hold the shard up.
  for (Group* const group : groups_with_offsets_for(name)) forget_offsets(*group, name, gone, now);
}

std::span<Group* const> GroupManager::Impl::groups_with_offsets_for(const std::string& topic) {
  if (!readers_) {
    readers_.emplace();
    for (const auto& [group_name, group] : groups_) {
      for (const auto& [name, partitions] : group->offsets.topics()) (*readers_)[name].push_back(group.get());
    }
  }
  const auto found = readers_->find(topic);
  if (found == readers_->end()) return {};
  return found->second;
}

void GroupManager::Impl::forget_offsets(Group& group, const std::string& name,
                                        const std::function<bool(const TopicId&)>& gone, Now now) {
  const auto partitions = group.offsets.topics().find(name);
  if (partitions == group.offsets.topics().end()) return;
  Sweep sweep;
  for (const auto& [partition, offset] : partitions->second) {
    if (!gone(offset.topic_id)) continue;
    sweep.add({group.id, name, partition});
    if (sweep.full()) write(group, sweep.take(), OffsetsWrite{}, now);
  }
  if (!sweep.empty()) write(group, sweep.take(), OffsetsWrite{}, now);
}

void GroupManager::Impl::clean_up(Now now) {
  deadlines.set(kCleanupKey, now.monotonic + options.offsets_retention_check_interval);
  for (auto& [name, group] : groups_) {
    if (in_flight_bytes >= options.in_flight_bytes_max) return;  // the rest next time
    clean_up(*group, now);
  }
}

void GroupManager::Impl::clean_up(Group& group, Now now) {
  if (group.in_flight > 0 || group.state == GroupState::dead) return;
  // Members of another protocol, or in the middle of a rebalance: nobody knows what they read.
  const bool simple = group.protocol_type.empty() && group.state == GroupState::empty;
  const bool readable = group.state == GroupState::stable && group.protocol_type == kConsumerProtocolType;
  if (group.state != GroupState::empty && !readable) return;

  std::vector<OffsetForgotten> expired;
  if (options.offsets_retention || group.offsets.with_expiry() > 0) {
    for (const auto& [topic, partitions] : group.offsets.topics()) {
      if (readable && group.is_subscribed(topic)) continue;
      for (const auto& [partition, offset] : partitions) {
        // An empty group keeps all its offsets for the same time, counted from when its last member went.
        WallTime since = offset.committed_at;
        if (!simple && !readable && group.committed && group.committed->state_since)
          since = *group.committed->state_since;
        const bool gone = offset.expires_at
                              ? now.wall >= *offset.expires_at
                              : options.offsets_retention && now.wall >= since + *options.offsets_retention;
        if (gone) expired.push_back({group.id, topic, partition});
      }
    }
  }
  // Nothing is left that anybody could want: the generation has no members, and ids are never used twice.
  if (expired.size() == group.offsets.size() && group.state == GroupState::empty && group.pending.empty() &&
      group.exists()) {
    return continue_deletion(group, kNobody, now);
  }
  Sweep sweep;
  for (auto& record : expired) {
    sweep.add(std::move(record));
    if (sweep.full()) write(group, sweep.take(), OffsetsWrite{}, now);
  }
  if (!sweep.empty()) write(group, sweep.take(), OffsetsWrite{}, now);
}

}  // namespace godwit::groups
