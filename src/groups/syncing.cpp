// SyncGroup: from the leader's assignment to everybody's own.
#include "base/check.h"
#include "groups/group_manager_impl.h"

namespace godwit::groups {

void GroupManager::Impl::handle(RequestToken token, SyncRequest& request, Now now) {
  const auto refuse = [&](ErrorCode error) { reply(token, SyncResponse{.error = error}); };
  if (request.group.empty()) return refuse(ErrorCode::invalid_group_id);
  Group* group = find(request.group);
  if (group == nullptr || group->state == GroupState::empty) return refuse(ErrorCode::unknown_member_id);
  if (group->state == GroupState::dead) return refuse(ErrorCode::coordinator_not_available);
  if (InFlight* write = metadata_write(*group)) return defer(*write, token, std::move(request));

  if (const auto error = group->check_member(request.member, request.instance); error != ErrorCode::none) {
    return refuse(error);
  }
  if (request.generation != group->generation()) return refuse(ErrorCode::illegal_generation);
  if ((request.protocol_type && *request.protocol_type != group->protocol_type) ||
      (request.protocol && request.protocol != group->protocol())) {
    return refuse(ErrorCode::inconsistent_group_protocol);
  }
  if (group->state == GroupState::preparing_rebalance) return refuse(ErrorCode::rebalance_in_progress);

  Member& member = *group->find(std::string_view(request.member));
  note_sync(*group, member);
  if (group->state == GroupState::stable) {
    // However often it asks.
    arm_session(*group, member, now);
    return reply(token,
                 SyncResponse{ErrorCode::none, group->protocol_type, group->protocol(), member.assignment});
  }
  if (member.sync != kNobody) reply(member.sync, SyncResponse{.error = ErrorCode::rebalance_in_progress});
  member.sync = token;
  deadlines.cancel(session_key(*group, member.serial));
  if (!group->is_leader(member.id)) return;

  GenerationMade record = *group->committed;
  record.state_since = now.wall;
  std::map<std::string_view, const SharedBytes*> assigned;
  for (const auto& each : request.assignments) assigned[each.member] = &each.assignment;
  for (auto& each : record.members) {
    // Whom the leader forgot gets an empty assignment, not an error: it may know better than we do.
    const auto it = assigned.find(each.member);
    each.assignment = it == assigned.end() ? SharedBytes() : SharedBytes::copy(it->second->view());
  }
  write(*group, {std::move(record)}, AssignmentWrite{}, now);
}

void GroupManager::Impl::note_sync(Group& group, const Member& member) {
  group.pending_sync.erase(member.id);
  if (group.pending_sync.empty()) deadlines.cancel(sync_key(group));
}

void GroupManager::Impl::on_assignment_committed(Group& group, const GenerationMade& record, Now now) {
  GW_CHECK(group.state == GroupState::completing_rebalance,
           "nothing happens to a group while its assignment is written");
  for (const auto& each : record.members) {
    if (Member* member = group.find(std::string_view(each.member))) member->assignment = each.assignment;
  }
  enter(group, GroupState::stable);
  answer_syncs(group, ErrorCode::none, now);
}

// The leader has nothing to hand in a second time, so everybody starts over.
void GroupManager::Impl::on_assignment_failed(Group& group, ErrorCode error, Now now) {
  answer_syncs(group, error, now);
  prepare_rebalance(group, now);
}

void GroupManager::Impl::answer_syncs(Group& group, ErrorCode error, Now now) {
  for (const auto& [id, const_member] : group.members()) {
    Member& member = *group.find(std::string_view(id));
    SyncResponse response{.error = error};
    if (error == ErrorCode::none)
      response = {error, group.protocol_type, group.protocol(), member.assignment};
    answer_sync(group, member, std::move(response), now);
  }
}

void GroupManager::Impl::answer_sync(Group& group, Member& member, SyncResponse response, Now now) {
  if (member.sync == kNobody) return;
  reply(std::exchange(member.sync, kNobody), std::move(response));
  arm_session(group, member, now);
}

}  // namespace godwit::groups
