#include "groups/group.h"

#include <algorithm>

#include "base/check.h"
#include "groups/subscription.h"

namespace godwit::groups {

std::string_view to_string(GroupState state) {
  switch (state) {
    case GroupState::empty:
      return "Empty";
    case GroupState::preparing_rebalance:
      return "PreparingRebalance";
    case GroupState::completing_rebalance:
      return "CompletingRebalance";
    case GroupState::stable:
      return "Stable";
    case GroupState::dead:
      return "Dead";
  }
  return "Unknown";
}

Member* Group::find(std::string_view member) {
  const auto it = members_.find(member);
  return it == members_.end() ? nullptr : &it->second;
}

Member* Group::find(uint64_t member_serial) {
  for (auto& [name, member] : members_) {
    if (member.serial == member_serial) return &member;
  }
  return nullptr;
}

Member* Group::find_instance(const std::string& instance) {
  const auto it = instances_.find(instance);
  return it == instances_.end() ? nullptr : find(std::string_view(it->second));
}

Member& Group::add(Member member) {
  GW_CHECK(!members_.contains(member.id), "a member id is given once");
  if (member.instance) {
    const bool free = instances_.emplace(*member.instance, member.id).second;
    GW_CHECK(free, "an instance id belongs to one member");
  }
  if (!leader) leader = member.id;
  count_protocols(member, 1);
  const std::string name = member.id;
  return members_.emplace(name, std::move(member)).first->second;
}

void Group::remove(const std::string& member) {
  const auto it = members_.find(member);
  GW_CHECK(it != members_.end(), "only a member can be taken out");
  GW_CHECK(!it->second.parked(), "nobody is forgotten without an answer");
  count_protocols(it->second, -1);
  if (it->second.instance) instances_.erase(*it->second.instance);
  pending_sync.erase(member);
  const bool led = is_leader(member);
  members_.erase(it);
  if (!led) return;
  const auto eldest = std::min_element(members_.begin(), members_.end(), [](const auto& a, const auto& b) {
    return a.second.serial < b.second.serial;
  });
  leader = eldest == members_.end() ? std::nullopt : std::optional(eldest->first);
}

Member& Group::rename(const std::string& old_id, const std::string& new_id) {
  GW_CHECK(!members_.contains(new_id), "a member id is given once");
  auto node = members_.extract(old_id);
  GW_CHECK(!node.empty(), "only a member can be renamed");
  node.key() = new_id;
  node.mapped().id = new_id;
  if (node.mapped().instance) instances_[*node.mapped().instance] = new_id;
  if (is_leader(old_id)) leader = new_id;
  pending_sync.erase(old_id);
  return members_.insert(std::move(node)).position->second;
}

void Group::set_protocols(Member& member, std::vector<GroupProtocol> protocols) {
  count_protocols(member, -1);
  member.protocols = std::move(protocols);
  count_protocols(member, 1);
}

void Group::count_protocols(const Member& member, int32_t by) {
  for (const auto& protocol : member.protocols) {
    const auto it = supporters_.try_emplace(protocol.name, 0).first;
    it->second += by;
    if (it->second == 0) supporters_.erase(it);
  }
}

size_t Group::joined() const {
  return static_cast<size_t>(std::count_if(members_.begin(), members_.end(),
                                           [](const auto& m) { return m.second.join != kNobody; }));
}

Duration Group::rebalance_timeout() const {
  int32_t longest_ms = 0;
  for (const auto& [name, member] : members_) longest_ms = std::max(longest_ms, member.rebalance_timeout_ms);
  return std::chrono::milliseconds(longest_ms);
}

bool Group::supports(std::string_view type, const std::vector<GroupProtocol>& protocols) const {
  if (state == GroupState::empty || members_.empty()) return !type.empty() && !protocols.empty();
  if (type != protocol_type) return false;
  return std::any_of(protocols.begin(), protocols.end(), [&](const GroupProtocol& p) {
    const auto it = supporters_.find(p.name);
    return it != supporters_.end() && static_cast<size_t>(it->second) == members_.size();
  });
}

std::string Group::elect_protocol() const {
  std::map<std::string_view, size_t> votes;
  for (const auto& [name, member] : members_) {
    for (const auto& protocol : member.protocols) {
      if (static_cast<size_t>(supporters_.find(protocol.name)->second) != members_.size()) continue;
      ++votes[protocol.name];
      break;
    }
  }
  GW_CHECK(!votes.empty(), "nobody becomes a member who shares no protocol with the others");
  const auto most = std::max_element(votes.begin(), votes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return std::string(most->first);
}

ErrorCode Group::check_member(std::string_view member, const std::optional<std::string>& instance) const {
  if (instance) {
    const auto holder = instances_.find(*instance);
    if (holder == instances_.end()) return ErrorCode::unknown_member_id;
    if (holder->second != member) return ErrorCode::fenced_instance_id;
  }
  return members_.contains(member) ? ErrorCode::none : ErrorCode::unknown_member_id;
}

bool Group::is_subscribed(std::string_view topic) const {
  if (protocol_type != kConsumerProtocolType) return false;
  if (members_.empty()) return false;
  const auto chosen = protocol();
  if (!chosen) return true;
  for (const auto& [name, member] : members_) {
    const SharedBytes* metadata = member.metadata(*chosen);
    if (metadata == nullptr) return true;
    const auto subscribed = subscribes_to(metadata->view(), topic);
    if (!subscribed || *subscribed) return true;
  }
  return false;
}

}  // namespace godwit::groups
