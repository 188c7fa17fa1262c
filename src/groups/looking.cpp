// What a manager shows: DescribeGroups, ListGroups, and the like.
#include <algorithm>
#include <set>

#include "groups/group_manager_impl.h"

namespace godwit::groups {
namespace {

constexpr std::string_view kGroupType = "classic";

std::string lower_trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool passes(const std::vector<std::string>& filter, std::string_view value) {
  if (filter.empty()) return true;
  const std::string wanted = lower_trimmed(value);
  return std::any_of(filter.begin(), filter.end(),
                     [&](const auto& each) { return lower_trimmed(each) == wanted; });
}

}  // namespace

void GroupManager::Impl::handle(RequestToken token, DescribeGroupRequest& request, Now) {
  constexpr int16_t kNotFoundSince = 6;  // KIP-1043
  DescribeGroupResponse response;
  const Group* group = find(request.group);
  if (group == nullptr || !group->exists()) {
    response.state = to_string(GroupState::dead);
    if (request.version >= kNotFoundSince) {
      response.error = ErrorCode::group_id_not_found;
      response.error_message = "There is no group " + request.group + ".";
    }
    return reply(token, std::move(response));
  }
  response.state = to_string(group->state);
  response.protocol_type = group->protocol_type;
  const bool stable = group->state == GroupState::stable;
  if (stable) response.protocol = group->protocol().value_or("");
  for (const auto& [id, member] : group->members()) {
    const SharedBytes* metadata = stable ? member.metadata(response.protocol) : nullptr;
    response.members.push_back({id, member.instance, member.client_id, member.client_host,
                                metadata == nullptr ? SharedBytes() : *metadata, member.assignment});
  }
  reply(token, std::move(response));
}

void GroupManager::Impl::handle(RequestToken token, ListGroupsRequest& request, Now) {
  ListGroupsResponse response;
  if (passes(request.types, kGroupType)) {
    for (const auto& [name, group] : groups_) {
      const auto state = to_string(group->state);
      if (!group->exists() || !passes(request.states, state)) continue;
      response.groups.push_back({name, group->protocol_type, std::string(state), std::string(kGroupType)});
    }
  }
  reply(token, std::move(response));
}

GroupCounts GroupManager::Impl::counts() const {
  GroupCounts counts;
  for (const auto& [name, group] : groups_) {
    if (group->exists()) ++counts.groups;
    counts.members += group->members().size();
    counts.offsets += group->offsets.size();
    for (const auto& [id, member] : group->members()) {
      counts.parked += (member.join != kNobody ? 1U : 0U) + (member.sync != kNobody ? 1U : 0U);
    }
  }
  counts.pending_members = pending_members_;
  counts.in_flight_batches = in_flight.size();
  counts.in_flight_bytes = in_flight_bytes;
  return counts;
}

std::vector<std::string> GroupManager::Impl::topics() const {
  std::set<std::string> names;
  for (const auto& [name, group] : groups_) {
    for (const auto& [topic, partitions] : group->offsets.topics()) names.insert(topic);
  }
  return {names.begin(), names.end()};
}

std::vector<Record> GroupManager::Impl::snapshot() const {
  std::vector<Record> records;
  for (const auto& [name, group] : groups_) {
    if (group->committed) records.emplace_back(*group->committed);
    for (const auto& [topic, partitions] : group->offsets.topics()) {
      for (const auto& [partition, o] : partitions) {
        records.emplace_back(OffsetCommitted{name, topic, partition, o.offset, o.leader_epoch, o.metadata,
                                             o.committed_at, o.expires_at, o.topic_id});
      }
    }
  }
  return records;
}

}  // namespace godwit::groups
