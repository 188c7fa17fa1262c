// Who lives: heartbeats, sessions, and leaving.
#include "groups/group_manager_impl.h"

namespace godwit::groups {

void GroupManager::Impl::handle(RequestToken token, HeartbeatRequest& request, Now now) {
  const auto answer = [&](ErrorCode error) { reply(token, HeartbeatResponse{error}); };
  if (request.group.empty()) return answer(ErrorCode::invalid_group_id);
  Group* group = find(request.group);
  if (group == nullptr) return answer(ErrorCode::unknown_member_id);
  if (group->state == GroupState::dead) return answer(ErrorCode::coordinator_not_available);
  if (const auto error = group->check_member(request.member, request.instance); error != ErrorCode::none) {
    return answer(error);
  }
  if (request.generation != group->generation()) return answer(ErrorCode::illegal_generation);
  arm_session(*group, *group->find(std::string_view(request.member)), now);
  answer(group->state == GroupState::preparing_rebalance ? ErrorCode::rebalance_in_progress
                                                         : ErrorCode::none);
}

// While a request of the member is parked, we are the ones who are late.
void GroupManager::Impl::arm_session(const Group& group, const Member& member, Now now) {
  if (member.parked()) return;
  deadlines.set(session_key(group, member.serial),
                now.monotonic + std::chrono::milliseconds(member.session_timeout_ms));
}

void GroupManager::Impl::on_session_timer(Group& group, uint64_t member_serial, Now now) {
  for (const auto& [id, serial] : group.pending) {
    if (serial != member_serial) continue;
    drop_pending(group, std::string(id));
    complete_join_if_all_joined(group, now);
    return drop_if_unused(group);
  }
  if (Member* member = group.find(member_serial)) {
    expel(group, *member, now);
    after_departure(group, now);
  }
  drop_if_unused(group);
}

void GroupManager::Impl::expel(Group& group, Member& member, Now now) {
  refuse_join(group, member, ErrorCode::unknown_member_id, now);
  answer_sync(group, member, SyncResponse{.error = ErrorCode::unknown_member_id}, now);
  deadlines.cancel(session_key(group, member.serial));
  group.remove(std::string(member.id));
  --tally.members;
}

void GroupManager::Impl::drop_pending(Group& group, const std::string& id) {
  const auto it = group.pending.find(id);
  if (it == group.pending.end()) return;
  deadlines.cancel(session_key(group, it->second));
  group.pending.erase(it);
  --pending_members_;
}

void GroupManager::Impl::after_departure(Group& group, Now now) {
  if (group.state == GroupState::stable || group.state == GroupState::completing_rebalance) {
    prepare_rebalance(group, now);
  } else {
    complete_join_if_all_joined(group, now);
  }
}

void GroupManager::Impl::handle(RequestToken token, LeaveRequest& request, Now now) {
  if (request.group.empty()) return reply(token, LeaveResponse{ErrorCode::invalid_group_id, {}});
  Group* group = find(request.group);
  if (group != nullptr && group->state == GroupState::dead) {
    return reply(token, LeaveResponse{ErrorCode::coordinator_not_available, {}});
  }
  if (group != nullptr) {
    if (InFlight* write = metadata_write(*group)) return defer(*write, token, std::move(request));
  }
  LeaveResponse response;
  bool departed = false;
  const size_t members_before = group == nullptr ? 0 : group->members().size();
  for (const auto& leaving : request.members) {
    const auto error = group == nullptr ? ErrorCode::unknown_member_id : leave(*group, leaving, now);
    response.members.push_back({leaving.member, leaving.instance, error});
    departed = departed || error == ErrorCode::none;
  }
  constexpr int16_t kSeveralSince = 3;
  if (request.version < kSeveralSince && !response.members.empty())
    response.error = response.members.front().error;
  if (!departed) return reply(token, std::move(response));
  // An id that was never used leaves the members as they were.
  if (group->members().size() != members_before) {
    after_departure(*group, now);
  } else {
    complete_join_if_all_joined(*group, now);
  }
  if (InFlight* write = metadata_write(*group)) {
    write->replies.push_back({token, std::move(response)});
  } else {
    reply(token, std::move(response));
  }
  drop_if_unused(*group);
}

ErrorCode GroupManager::Impl::leave(Group& group, const LeavingMember& leaving, Now now) {
  Member* member = nullptr;
  if (leaving.member.empty()) {
    if (leaving.instance) member = group.find_instance(*leaving.instance);
    if (member == nullptr) return ErrorCode::unknown_member_id;
  } else if (group.pending.contains(leaving.member)) {
    drop_pending(group, leaving.member);
    return ErrorCode::none;
  } else {
    if (const auto error = group.check_member(leaving.member, leaving.instance); error != ErrorCode::none)
      return error;
    member = group.find(std::string_view(leaving.member));
  }
  expel(group, *member, now);
  return ErrorCode::none;
}

}  // namespace godwit::groups
