// JoinGroup: who becomes a member, under which id, and what a Join does in each state.
#include <algorithm>
#include <set>

#include "base/check.h"
#include "groups/group_manager_impl.h"

namespace godwit::groups {
namespace {

constexpr int16_t kMemberIdRequiredSince = 4;  // KIP-394
constexpr int16_t kSkipAssignmentSince = 9;    // KIP-814

// "prefix-xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx", as Kafka names members. The prefix is cut where the
// protocol's strings end.
std::string new_member_id(const JoinRequest& request) {
  constexpr size_t kPrefixMax = 32'767 - 37;
  auto bytes = request.random;
  bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  const std::string hex = to_hex(bytes);
  std::string id = (request.instance ? *request.instance : request.client_id).substr(0, kPrefixMax);
  size_t at = 0;
  for (const size_t digits : {8, 4, 4, 4, 12}) {
    id += '-';
    id += hex.substr(at, digits);
    at += digits;
  }
  return id;
}

// The request's bytes may be a small part of a large frame: what is kept is copied. Names that come twice
// count once.
std::vector<GroupProtocol> kept(const std::vector<GroupProtocol>& asked) {
  std::vector<GroupProtocol> protocols;
  std::set<std::string_view> names;
  for (const auto& protocol : asked) {
    if (!names.insert(protocol.name).second) continue;
    protocols.push_back({protocol.name, SharedBytes::copy(protocol.metadata.view())});
  }
  return protocols;
}

bool same(const std::vector<GroupProtocol>& held, const std::vector<GroupProtocol>& asked) {
  return std::equal(held.begin(), held.end(), asked.begin(), asked.end(), [](const auto& a, const auto& b) {
    return a.name == b.name && equal(a.metadata.view(), b.metadata.view());
  });
}

JoinResponse refusal(ErrorCode error, std::string member) {
  JoinResponse response;
  response.error = error;
  response.member = std::move(member);
  return response;
}

}  // namespace

void GroupManager::Impl::handle(RequestToken token, JoinRequest& request, Now now) {
  const auto refuse = [&](ErrorCode error, const std::string& member) {
    reply(token, refusal(error, member));
  };
  if (request.group.empty()) return refuse(ErrorCode::invalid_group_id, request.member);
  const auto session = std::chrono::milliseconds(request.session_timeout_ms);
  if (session < options.session_timeout_min || session > options.session_timeout_max) {
    return refuse(ErrorCode::invalid_session_timeout, request.member);
  }
  if (request.rebalance_timeout_ms < 0) request.rebalance_timeout_ms = request.session_timeout_ms;

  Group* group = find(request.group);
  // An id that was not handed out here is never adopted.
  if (group == nullptr && !request.member.empty())
    return refuse(ErrorCode::unknown_member_id, request.member);
  if (group == nullptr) group = &get(request.group);
  if (group->state == GroupState::dead) return refuse(ErrorCode::coordinator_not_available, request.member);
  if (InFlight* write = metadata_write(*group)) return defer(*write, token, std::move(request));

  if (!has_room(*group, request)) {
    refuse(ErrorCode::group_max_size_reached, "");
    drop_pending(*group, request.member);
    if (Member* member = group->find(request.member)) expel(*group, *member, now);
    complete_join_if_all_joined(*group, now);
  } else if (!group->supports(request.protocol_type, request.protocols)) {
    refuse(ErrorCode::inconsistent_group_protocol, request.member);
  } else if (request.member.empty()) {
    join_as_new(*group, token, request, now);
  } else {
    join_as_known(*group, token, request, now);
  }
  drop_if_unused(*group);
}

// While a rebalance gathers members the ones that have joined count, so that the last to come are the ones
// left out where the bound was lowered. Ids handed out count too: they are cheap to ask for.
bool GroupManager::Impl::has_room(Group& group, const JoinRequest& request) const {
  const std::string& member = request.member;
  const auto size_max = static_cast<size_t>(options.group_size_max);
  // Who takes the place of its former self needs no other.
  if (member.empty() && request.instance && group.find_instance(*request.instance) != nullptr) return true;
  const Member* known = group.find(std::string_view(member));
  if (group.state == GroupState::preparing_rebalance) {
    if (known != nullptr && known->join != kNobody) return true;
    if (known != nullptr || group.pending.contains(member)) return group.joined() < size_max;
    return group.joined() + group.pending.size() < size_max;
  }
  if (known != nullptr) return true;
  const size_t others = group.pending.size() - (group.pending.contains(member) ? 1 : 0);
  return group.members().size() + others < size_max;
}

void GroupManager::Impl::join_as_new(Group& group, RequestToken token, JoinRequest& request, Now now) {
  std::string id = new_member_id(request);
  if (group.find(id) != nullptr || group.pending.contains(id)) {
    // Only where the caller's randomness is broken.
    return reply(token, refusal(ErrorCode::coordinator_not_available, ""));
  }
  if (request.instance) {
    if (Member* old = group.find_instance(*request.instance)) {
      return join_as_returned(group, *old, id, token, request, now);
    }
    return add_member(group, std::move(id), false, token, request, now);
  }
  if (request.version >= kMemberIdRequiredSince)
    return hand_out_id(group, std::move(id), token, request, now);
  add_member(group, std::move(id), false, token, request, now);
}

// The client comes again with this id; one that went away meanwhile has cost no rebalance.
void GroupManager::Impl::hand_out_id(Group& group, std::string id, RequestToken token,
                                     const JoinRequest& request, Now now) {
  if (pending_members_ >= options.pending_members_max) {
    return reply(token, refusal(ErrorCode::coordinator_not_available, ""));
  }
  const uint64_t serial = ++last_serial_;
  ++pending_members_;
  group.pending.emplace(id, serial);
  deadlines.set(session_key(group, serial),
                now.monotonic + std::chrono::milliseconds(request.session_timeout_ms));
  reply(token, refusal(ErrorCode::member_id_required, std::move(id)));
}

void GroupManager::Impl::join_as_known(Group& group, RequestToken token, JoinRequest& request, Now now) {
  if (group.pending.contains(request.member)) {
    if (request.instance) return reply(token, refusal(ErrorCode::unknown_member_id, request.member));
    return add_member(group, request.member, true, token, request, now);
  }
  if (const auto error = group.check_member(request.member, request.instance); error != ErrorCode::none) {
    return reply(token, refusal(error, request.member));
  }
  Member& member = *group.find(std::string_view(request.member));
  // In a stable group the leader's Join asks for a rebalance: that is how it picks up that topics have
  // changed.
  const bool unchanged = same(member.protocols, request.protocols);
  const bool stands = (group.state == GroupState::completing_rebalance && unchanged) ||
                      (group.state == GroupState::stable && unchanged && !group.is_leader(member.id));
  if (stands) {
    // Its answer was lost on the way, most likely.
    if (!member.parked()) arm_session(group, member, now);
    return reply(token, current_generation(group, member));
  }
  update_member(group, member, token, request);
  rebalance_or_complete(group, now);
}

// A static member's client has started again: it takes the place of its former self.
void GroupManager::Impl::join_as_returned(Group& group, Member& old, const std::string& new_id,
                                          RequestToken token, JoinRequest& request, Now now) {
  if (group.state == GroupState::stable) {
    Member returned = old;
    returned.protocols = kept(request.protocols);
    const auto before = old.protocols;
    group.set_protocols(old, returned.protocols);
    const bool same_choice = group.elect_protocol() == group.protocol();
    group.set_protocols(old, before);
    if (same_choice) {
      // No rebalance; but nobody may act under the new id before the log knows it.
      GenerationMade record = *group.committed;
      if (record.leader == old.id) record.leader = new_id;
      for (auto& member : record.members) {
        if (member.member != old.id) continue;
        member.member = new_id;
        member.client_id = request.client_id;
        member.client_host = request.client_host;
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.session_timeout_ms = request.session_timeout_ms;
        member.subscription = *returned.metadata(*record.protocol);
      }
      const std::string old_id = old.id;
      write(group, {std::move(record)}, ReturnWrite{token, std::move(request), old_id, new_id}, now);
      return;
    }
  }
  const bool completing = group.state == GroupState::completing_rebalance;
  refuse_join(group, old, ErrorCode::fenced_instance_id, now);
  answer_sync(group, old, SyncResponse{.error = ErrorCode::fenced_instance_id}, now);
  Member& member = group.rename(std::string(old.id), new_id);
  member.knows_id = false;
  member.client_id = request.client_id;
  member.client_host = request.client_host;
  update_member(group, member, token, request);
  // The leader may have been told the old id already: its assignment would miss the new one.
  if (completing) return prepare_rebalance(group, now);
  rebalance_or_complete(group, now);
}

void GroupManager::Impl::on_returned(Group& group, ReturnWrite& purpose, const GenerationMade& record,
                                     Now now) {
  Member& member = group.rename(purpose.old_id, purpose.new_id);
  member.client_id = purpose.request.client_id;
  member.client_host = purpose.request.client_host;
  member.rebalance_timeout_ms = purpose.request.rebalance_timeout_ms;
  member.session_timeout_ms = purpose.request.session_timeout_ms;
  group.set_protocols(member, kept(purpose.request.protocols));
  arm_session(group, member, now);
  if (purpose.token == kNobody) return;
  JoinResponse response = current_generation(group, member);
  if (purpose.request.version >= kSkipAssignmentSince) {
    response.skip_assignment = group.is_leader(member.id);
  } else if (group.is_leader(member.id)) {
    // It would compute and send an assignment that nobody asked for: let it think that its former self leads.
    response.leader = purpose.old_id;
    response.members.clear();
  }
  GW_CHECK(record.generation == group.generation(), "a return makes no generation");
  reply(purpose.token, std::move(response));
}

void GroupManager::Impl::add_member(Group& group, std::string id, bool knows_id, RequestToken token,
                                    JoinRequest& request, Now now) {
  if (group.state == GroupState::preparing_rebalance && group.initial) group.member_added = true;
  Member member;
  const auto pending = group.pending.find(id);
  if (pending != group.pending.end()) {
    member.serial = pending->second;  // and so its timer
    group.pending.erase(pending);
    --pending_members_;
  } else {
    member.serial = ++last_serial_;
  }
  member.id = std::move(id);
  member.instance = request.instance;
  member.client_id = request.client_id;
  member.client_host = request.client_host;
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.session_timeout_ms = request.session_timeout_ms;
  member.protocols = kept(request.protocols);
  member.is_new = true;
  member.knows_id = knows_id;
  if (group.members().empty()) {
    group.protocol_type = request.protocol_type;
    group.leader.reset();
  }
  Member& added = group.add(std::move(member));
  ++tally.members;
  added.join = token;
  deadlines.set(session_key(group, added.serial), now.monotonic + options.new_member_join_timeout);
  rebalance_or_complete(group, now);
}

void GroupManager::Impl::update_member(Group& group, Member& member, RequestToken token,
                                       JoinRequest& request) {
  group.set_protocols(member, kept(request.protocols));
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.session_timeout_ms = request.session_timeout_ms;
  park_join(group, member, token);
}

void GroupManager::Impl::park_join(Group& group, Member& member, RequestToken token) {
  if (member.join != kNobody) {
    // The client asked again, most likely over another connection; the older request has nobody who listens.
    reply(member.join, refusal(ErrorCode::rebalance_in_progress, member.knows_id ? member.id : ""));
  }
  member.join = token;
  if (!member.is_new) deadlines.cancel(session_key(group, member.serial));
}

void GroupManager::Impl::answer_join(Group& group, Member& member, JoinResponse response, Now now) {
  if (member.join == kNobody) return;
  member.is_new = false;
  if (response.error == ErrorCode::none) member.knows_id = true;
  reply(std::exchange(member.join, kNobody), std::move(response));
  arm_session(group, member, now);
}

void GroupManager::Impl::refuse_join(Group& group, Member& member, ErrorCode error, Now now) {
  answer_join(group, member, refusal(error, member.knows_id ? member.id : ""), now);
}

JoinResponse GroupManager::Impl::current_generation(const Group& group, const Member& member) const {
  JoinResponse response;
  response.generation = group.generation();
  response.protocol_type = group.protocol_type;
  response.protocol = group.protocol();
  response.leader = group.leader.value_or("");
  response.member = member.id;
  if (!group.is_leader(member.id)) return response;
  for (const auto& [id, each] : group.members()) {
    const SharedBytes* metadata = each.metadata(response.protocol.value_or(""));
    response.members.push_back({id, each.instance, metadata == nullptr ? SharedBytes() : *metadata});
  }
  return response;
}

}  // namespace godwit::groups
