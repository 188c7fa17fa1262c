#include <algorithm>

#include <fmt/format.h>

#include "cli/assignment.h"
#include "cli/group_offsets.h"
#include "cli/report.h"
#include "cli/session.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/list_groups.h"

namespace godwit::cli {

using peer::Target;
using runtime::Task;

namespace {

using Group = kafka::DescribeGroupsResponse::Group;
using Member = kafka::DescribeGroupsResponse::Member;

Task<Result<Group>> describe_group(Session& session, std::string name) {
  kafka::DescribeGroupsRequest request;
  request.groups = {name};
  auto answer = co_await session.cluster.call(
      Target::coordinator(name), request, [](const kafka::DescribeGroupsResponse& r) {
        return r.groups.empty() ? ErrorCode::none : r.groups[0].error_code;
      });
  if (!answer) co_return fail(answer.error());
  if (answer->groups.size() != 1)
    co_return fail(ErrorKind::corrupt, "the broker's answer does not speak of " + name);
  co_return std::move(answer->groups[0]);
}

void print_json(Session& session, const Group& group, const Offsets& committed, const Offsets& ends) {
  std::vector<std::string> members;
  for (const auto& member : group.members) {
    std::vector<std::string> partitions;
    if (const auto assigned = parse_assignment(member.member_assignment)) {
      for (const auto& [topic, partition] : *assigned) {
        partitions.push_back(Json().set("topic", topic).set("partition", partition).text());
      }
    }
    members.push_back(Json()
                          .set("memberId", member.member_id)
                          .set("clientId", member.client_id)
                          .set("host", member.client_host)
                          .raw("partitions", json_array(partitions))
                          .text());
  }
  std::vector<std::string> offsets;
  for (const auto& [name, offset] : committed) {
    Json json;
    json.set("topic", name.first).set("partition", name.second).set("committed", offset);
    if (const auto end = ends.find(name); end != ends.end()) {
      json.set("end", end->second).set("lag", std::max<int64_t>(0, end->second - offset));
    } else {
      json.set_null("end").set_null("lag");
    }
    offsets.push_back(json.text());
  }
  session.line(Json()
                   .set("group", group.group_id)
                   .set("state", group.group_state)
                   .set("protocol", group.protocol_data)
                   .raw("members", json_array(members))
                   .raw("offsets", json_array(offsets))
                   .text());
}

void print_table(Session& session, const Group& group, const Offsets& committed, const Offsets& ends) {
  session.line(fmt::format("group {}: {}, {} member{}", group.group_id, group.group_state,
                           group.members.size(), group.members.size() == 1 ? "" : "s"));
  std::map<PartitionName, const Member*> owners;
  for (const auto& member : group.members) {
    const auto assigned = parse_assignment(member.member_assignment);
    if (!assigned) continue;
    for (const auto& name : *assigned) owners[name] = &member;
  }
  // What is assigned and not committed yet stands there too.
  PartitionNames names;
  for (const auto& [name, offset] : committed) names.insert(name);
  for (const auto& [name, owner] : owners) names.insert(name);
  if (names.empty()) return;
  Table table({"TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER", "HOST"});
  for (const auto& name : names) {
    const auto offset = committed.find(name);
    const auto end = ends.find(name);
    const auto owner = owners.find(name);
    const bool both = offset != committed.end() && end != ends.end();
    table.add({name.first, std::to_string(name.second),
               offset == committed.end() ? "-" : std::to_string(offset->second),
               end == ends.end() ? "-" : std::to_string(end->second),
               both ? std::to_string(std::max<int64_t>(0, end->second - offset->second)) : "-",
               owner == owners.end() ? "-" : owner->second->client_id,
               owner == owners.end() ? "-" : owner->second->client_host});
  }
  session.console.write(table.text());
}

}  // namespace

Task<int> run(Session& session, const GroupList&) {
  const auto metadata = co_await session.cluster.metadata(std::vector<std::string>{});
  if (!metadata) co_return session.failed(metadata.error());
  int code = kExitOk;
  std::map<std::string, kafka::ListGroupsResponse::Group> groups;
  // Each broker knows the groups that it manages.
  for (const auto& broker : metadata->brokers) {
    const auto answer =
        co_await session.cluster.call(Target::broker(broker.node_id), kafka::ListGroupsRequest{},
                                      [](const kafka::ListGroupsResponse& r) { return r.error_code; });
    const std::string name = "broker " + to_string(broker.node_id);
    if (!answer) {
      code = session.failed(name + " does not tell its groups: " + answer.error().message);
    } else if (answer->error_code != ErrorCode::none) {
      code = session.failed(name, answer->error_code);
    } else {
      for (const auto& group : answer->groups) groups[group.group_id] = group;
    }
  }
  Table table({"GROUP", "STATE", "PROTOCOL", "TYPE"});
  for (const auto& [name, group] : groups) {
    if (session.json()) {
      session.line(Json()
                       .set("group", name)
                       .set("state", group.group_state)
                       .set("protocolType", group.protocol_type)
                       .set("type", group.group_type)
                       .text());
    }
    table.add({name, group.group_state, group.protocol_type, group.group_type});
  }
  if (!session.json()) session.console.write(table.text());
  co_return code;
}

Task<int> run(Session& session, const GroupDescribe& ask) {
  int code = kExitOk;
  for (const auto& name : ask.names) {
    const auto group = co_await describe_group(session, name);
    if (!group) co_return session.failed(group.error());
    if (group->error_code != ErrorCode::none) {
      code = session.failed("group " + name, group->error_code, group->error_message);
      continue;
    }
    const auto committed = co_await committed_offsets(session, name);
    if (!committed) co_return session.failed(committed.error());
    // Before v6 an unknown group is described as a dead one.
    if (group->group_state == "Dead" && committed->empty()) {
      code = session.failed("group " + name, ErrorCode::group_id_not_found);
      continue;
    }
    PartitionNames names;
    for (const auto& [partition, offset] : *committed) names.insert(partition);
    for (const auto& member : group->members) {
      if (auto assigned = parse_assignment(member.member_assignment)) names.merge(*assigned);
    }
    // A topic that was deleted has no end, and a leader may hang; what was committed is told all the same.
    const ToldOffsets ends = co_await told_offsets(session, names, kLatest);
    if (session.json()) {
      print_json(session, *group, *committed, ends.offsets);
    } else {
      print_table(session, *group, *committed, ends.offsets);
    }
    note_unknown(session, ends.unknown);
  }
  co_return code;
}

Task<int> run(Session& session, const GroupDelete& ask) {
  int code = kExitOk;
  for (const auto& name : ask.names) {
    kafka::DeleteGroupsRequest request;
    request.groups_names = {name};
    const auto answer =
        co_await session.cluster.call(Target::coordinator(name), request,
                                      [](const kafka::DeleteGroupsResponse& r) {
                                        return r.results.empty() ? ErrorCode::none : r.results[0].error_code;
                                      },
                                      {.version_max = codec::kNoVersion, .repeatable = false});
    if (!answer) co_return session.failed(answer.error());
    const ErrorCode error =
        answer->results.empty() ? ErrorCode::unknown_server_error : answer->results[0].error_code;
    if (error != ErrorCode::none) {
      code = session.failed("group " + name, error);
    } else if (session.json()) {
      session.line(Json().set("group", name).set("deleted", true).text());
    } else {
      session.line("deleted group " + name);
    }
  }
  co_return code;
}

namespace {

// Which partitions are moved: those named, whole topics, or all that the group has committed.
Task<Result<PartitionNames>> partitions_to_move(Session& session, const GroupReset& ask,
                                                const Offsets& committed) {
  PartitionNames names;
  if (ask.topics.empty()) {
    for (const auto& [name, offset] : committed) names.insert(name);
    if (names.empty()) {
      co_return fail(ErrorKind::invalid,
                     "group " + ask.group + " has committed nothing: name topics with --topic");
    }
    co_return names;
  }
  for (const auto& [topic, partitions] : ask.topics) {
    const auto metadata = co_await session.cluster.metadata({topic});
    if (!metadata) co_return fail(metadata.error());
    PartitionNames all;
    for (const auto& found : metadata->topics) {
      if (found.error_code != ErrorCode::none) {
        co_return fail(ErrorKind::not_found,
                       "topic " + topic + ": " + std::string(to_string(found.error_code)));
      }
      for (const auto& partition : found.partitions) all.insert({topic, partition.partition_index.value()});
    }
    for (const int32_t partition : partitions) {
      if (!all.contains({topic, partition})) {
        co_return fail(ErrorKind::not_found,
                       "topic " + topic + " has no partition " + std::to_string(partition));
      }
      names.insert({topic, partition});
    }
    if (partitions.empty()) names.merge(all);
  }
  co_return names;
}

}  // namespace

Task<int> run(Session& session, const GroupReset& ask) {
  using To = GroupReset::To;
  const auto committed = co_await committed_offsets(session, ask.group);
  if (!committed) co_return session.failed(committed.error());
  const auto names = co_await partitions_to_move(session, ask, *committed);
  if (!names) co_return session.failed(names.error());
  const auto first = co_await list_offsets(session, *names, kEarliest);
  const auto end = co_await list_offsets(session, *names, kLatest);
  if (!first || !end) co_return session.failed(!first ? first.error() : end.error());
  Offsets at_time;
  if (ask.to == To::time || ask.to == To::before_now) {
    const int64_t now = runtime::Shard::current()->wall_now().ms;
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(ask.before_now).count();
    auto found = co_await list_offsets(session, *names,
                                       std::max<int64_t>(0, ask.to == To::time ? ask.value : now - ago));
    if (!found) co_return session.failed(found.error());
    at_time = std::move(*found);
  }
  Offsets moved;
  for (const auto& name : *names) {
    const int64_t least = first->contains(name) ? first->at(name) : 0;
    const int64_t most = end->contains(name) ? end->at(name) : least;
    int64_t to = least;
    if (ask.to == To::latest) to = most;
    if (ask.to == To::offset) to = ask.value;
    if (ask.to == To::time || ask.to == To::before_now) to = at_time.contains(name) ? at_time.at(name) : most;
    if (ask.to == To::shift) {
      if (!committed->contains(name)) {
        co_return session.failed(
            fmt::format("{}-{}: group {} has committed nothing there that could be shifted", name.first,
                        name.second, ask.group));
      }
      // Neither sum can overflow: both ends of the log are at hand.
      const int64_t from = std::clamp(committed->at(name), least, most);
      to = ask.value >= 0 ? (ask.value > most - from ? most : from + ask.value)
                          : (ask.value < least - from ? least : from + ask.value);
    }
    // What lies outside the log is moved to its nearer end, as Kafka's tool does.
    moved[name] = std::clamp(to, least, most);
  }
  if (ask.execute) {
    const auto done = co_await commit_offsets(session, ask.group, moved);
    if (!done) co_return session.failed(done.error());
  }
  Table table({"TOPIC", "PARTITION", "COMMITTED", "NEW"});
  for (const auto& [name, offset] : moved) {
    const auto before = committed->find(name);
    const std::string old = before == committed->end() ? "" : std::to_string(before->second);
    if (session.json()) {
      session.line(Json()
                       .set("topic", name.first)
                       .set("partition", name.second)
                       .raw("committed", old.empty() ? "null" : old)
                       .set("new", offset)
                       .set("executed", ask.execute)
                       .text());
    }
    table.add({name.first, std::to_string(name.second), old.empty() ? "-" : old, std::to_string(offset)});
  }
  if (!session.json()) {
    session.console.write(table.text());
    if (!ask.execute) session.console.write_error("nothing was changed: give --execute to do it\n");
  }
  co_return kExitOk;
}

}  // namespace godwit::cli
