#include "coordination/etcd/managed/member_look.h"

#include <algorithm>

#include "base/text.h"

namespace godwit::coordination::etcd {
namespace {

using State = EngineMember::State;

// What a server says of itself is told, and bounded.
constexpr size_t kFaultMax = 200;

State state_of(const StatusReply& status) {
  if (status.leader == 0) return State::leaderless;
  if (!status.faults.empty()) return State::faulty;
  return status.leader == status.member ? State::leader : State::follower;
}

}  // namespace

std::vector<EngineMember> describe_members(const ManagedEtcdAddress& address, bool tls, uint64_t cluster,
                                           const std::vector<Reply<StatusReply>>& answers,
                                           const std::vector<MemberReply>& listed) {
  GW_CHECK(answers.size() == address.members.size(), "each member is asked");
  const auto is_ours = [&](const Reply<StatusReply>& answer) {
    return answer && (cluster == 0 || answer->cluster == cluster);
  };
  uint64_t furthest = 0;
  for (const auto& answer : answers)
    if (is_ours(answer)) furthest = std::max(furthest, answer->raft_index);
  std::vector<EngineMember> all;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto& member = address.members[i];
    const auto& answer = answers[i];
    const auto is_it = [&](const MemberReply& other) {
      return other.name == name_of(member) ||
             std::ranges::find(other.peers, peer_url(member, tls)) != other.peers.end();
    };
    if (!answer && !listed.empty() && std::ranges::none_of(listed, is_it)) continue;
    EngineMember one{.broker = member.broker, .name = name_of(member), .peer = peer_url(member, tls)};
    if (!answer) {
      one.fault = cut_off(answer.error().message, kFaultMax);
    } else if (!is_ours(answer)) {
      one.fault = "an etcd of another cluster answers there";
    } else {
      one.state = state_of(*answer);
      if (!answer->faults.empty()) one.fault = cut_off(answer->faults.front(), kFaultMax);
      one.lag = static_cast<int64_t>(furthest - answer->raft_index);
      one.database_bytes = answer->database_bytes;
    }
    all.push_back(std::move(one));
  }
  return all;
}

runtime::Task<std::vector<EngineMember>> look_at_members(Wire& wire, const ManagedEtcdAddress& address,
                                                         bool tls, uint64_t cluster) {
  std::vector<runtime::Task<Reply<StatusReply>>> questions;
  for (size_t i = 0; i < address.members.size(); ++i) questions.push_back(wire.status(i));
  const auto answers = co_await runtime::when_all(std::move(questions));
  std::vector<MemberReply> listed;
  for (size_t i = 0; i < answers.size() && listed.empty(); ++i) {
    if (!answers[i] || answers[i]->leader == 0 || (cluster != 0 && answers[i]->cluster != cluster)) continue;
    auto told = co_await wire.members(i);
    if (!told) break;
    listed = std::move(*told);
  }
  co_return describe_members(address, tls, cluster, answers, listed);
}

}  // namespace godwit::coordination::etcd
