#include "cli/engine_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/move_estimate.h"
#include "cli/report.h"

namespace godwit::cli {

using Response = kafka::ClusterCommandResponse;
using runtime::Task;

namespace {

constexpr Duration kPatience = std::chrono::seconds(2);

}  // namespace

Task<EngineMembersSeen> ask_for_members(Session& session, const Response& status) {
  EngineMembersSeen seen;
  // True where the broker answered. One of an older build says that there is no such command, and one that runs no member
  // tells none.
  const auto ask = [&](peer::Target target) -> Task<bool> {
    kafka::ClusterCommandRequest request;
    request.verb = kafka::ClusterCommandRequest::kMembers;
    auto answer = co_await session.cluster.call(
        target, std::move(request), [](const Response&) { return ErrorCode::none; }, {.timeout = kPatience});
    if (answer) seen.members = std::move(answer->members);
    co_return answer.has_value();
  };
  // Who told the status first: a machine that reaches one broker alone, through a balancer, learns of the members, too.
  (void)co_await ask(peer::Target::any());
  constexpr std::string_view kLives[] = {"live", "draining", "drained"};
  for (const auto& broker : status.brokers) {
    if (!seen.members.empty()) break;
    if (std::ranges::find(kLives, broker.state) == std::end(kLives)) continue;
    if (!co_await ask(peer::Target::broker(broker.id))) seen.silent.push_back(broker.id);
  }
  co_return seen;
}

bool all_well(const EngineMembersSeen& seen) {
  return seen.known() && std::ranges::all_of(seen.members, [](const auto& member) { return member.well(); });
}

std::string in_table(const EngineMembers& members) {
  Table table({"ETCD MEMBER", "BROKER", "STATE", "PEER", "LAG", "DATABASE"});
  for (const auto& member : members) {
    table.add({member.name, to_string(member.broker), member.state, member.peer,
               member.lag < 0 ? "-" : std::to_string(member.lag),
               member.database_bytes < 0 ? "-" : print_bytes(member.database_bytes)});
  }
  return table.text();
}

std::string in_json(const EngineMembers& members) {
  std::vector<std::string> all;
  all.reserve(members.size());
  for (const auto& member : members) {
    Json json;
    json.set("broker", member.broker.value()).set("name", member.name).set("peer", member.peer);
    json.set("state", member.state).set("well", member.well()).set("fault", member.fault);
    member.lag < 0 ? json.set_null("lag") : json.set("lag", member.lag);
    member.database_bytes < 0 ? json.set_null("databaseBytes")
                              : json.set("databaseBytes", member.database_bytes);
    all.push_back(json.text());
  }
  return json_array(all);
}

std::string in_words_unwell(const EngineMembersSeen& seen) {
  std::string names;
  if (!seen.known()) {
    for (const BrokerId broker : seen.silent) names += (names.empty() ? "" : ", ") + to_string(broker);
    return fmt::format(
        "whether brokers run etcd members, and how those do, is not known: no answer from {} {}",
        seen.silent.size() == 1 ? "broker" : "brokers", names);
  }
  int64_t count = 0;
  for (const auto& member : seen.members) {
    if (member.well()) continue;
    ++count;
    names += fmt::format("{}{} ({}{}{})", names.empty() ? "" : ", ", member.name, member.state,
                         member.fault.empty() ? "" : ": ", member.fault);
  }
  if (count == 0) return "";
  return fmt::format("{} of {} etcd members {} not well: {}", count, seen.members.size(),
                     count == 1 ? "is" : "are", names);
}

}  // namespace godwit::cli
