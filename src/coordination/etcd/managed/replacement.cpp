#include "coordination/etcd/managed/replacement.h"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::coordination::etcd {
namespace {

using runtime::Task;

tl::unexpected<Error> not_now(const std::string& what, const Failure& failure) {
  return fail(ErrorKind::unavailable, what + ": " + failure.message);
}

// The place in the list of a member of etcd's. The one that is being replaced may have stood at another address: the machine that
// takes over from a dead one need not have its own.
const Member* listed(const ManagedEtcdAddress& address, const Member& own, const MemberReply& member,
                     bool tls) {
  for (const auto& one : address.members) {
    if (std::ranges::find(member.peers, peer_url(one, tls)) != member.peers.end()) return &one;
  }
  return member.name == name_of(own) ? &own : nullptr;
}

// An endpoint whose member knows a leader.
Task<Result<size_t>> find_working(Wire& wire) {
  std::string why = "no other member is named";
  for (size_t at = 0; at < wire.endpoint_count(); ++at) {
    const auto status = co_await wire.status(at);
    if (status && status->leader != 0) co_return at;
    why =
        runtime::to_string(wire.endpoint(at)) + (status ? " knows no leader" : ": " + status.error().message);
  }
  co_return fail(ErrorKind::unavailable, why);
}

}  // namespace

Task<Result<Entry>> replace_member(Wire& wire, const ManagedEtcdAddress& address, const Member& own,
                                   bool tls) {
  const auto at = co_await find_working(wire);
  if (!at) co_return fail(at.error());
  const auto before = co_await wire.members(*at);
  if (!before) co_return not_now("the list of members", before.error());
  for (const auto& member : *before) {
    if (listed(address, own, member, tls) != nullptr) continue;
    co_return fail(
        ErrorKind::conflict,
        fmt::format("the etcd at {} has a member '{}' that is not in the list: it is another cluster",
                    runtime::to_string(wire.endpoint(*at)), member.name));
  }
  Entry entry;
  for (const auto& member : *before) {
    const Member* const place = listed(address, own, member, tls);
    if (place->broker != own.broker) {
      entry.initial_cluster += fmt::format("{}={},", name_of(*place), peer_url(*place, tls));
      continue;
    }
    const auto removed = co_await wire.remove_member(*at, member.id);
    if (!removed && removed.error().kind != Failure::Kind::not_found)
      co_return not_now("the removal of the lost member", removed.error());
  }
  const auto added = co_await wire.add_member(*at, peer_url(own, tls));
  if (!added) co_return not_now("the new member's entry", added.error());
  entry.member = added->id;
  entry.initial_cluster += fmt::format("{}={}", name_of(own), peer_url(own, tls));
  co_return entry;
}

}  // namespace godwit::coordination::etcd
