// Which brokers have a partition, and which of them leads: `godwit topic reassign|elect`.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/report.h"
#include "cli/session.h"
#include "kafka/messages/alter_partition_reassignments.h"
#include "kafka/messages/elect_leaders.h"
#include "kafka/messages/list_partition_reassignments.h"

namespace godwit::cli {

using peer::Target;
using runtime::Task;

namespace {

std::string ids(const std::vector<BrokerId>& all) {
  std::vector<int32_t> numbers;
  for (const BrokerId id : all) numbers.push_back(id.value());
  return fmt::format("{}", fmt::join(numbers, ","));
}

// Those that were named, else all of the topic; complains where there is no such topic or partition.
Task<std::optional<std::vector<PartitionIndex>>> partitions_of(Session& session, std::string topic,
                                                               std::vector<int32_t> named) {
  const auto metadata = co_await session.cluster.metadata(std::vector{topic});
  if (!metadata) {
    session.failed(metadata.error());
    co_return std::nullopt;
  }
  if (metadata->topics.size() != 1 || metadata->topics[0].error_code != ErrorCode::none) {
    session.failed("topic " + topic, metadata->topics.empty() ? ErrorCode::unknown_topic_or_partition
                                                              : metadata->topics[0].error_code);
    co_return std::nullopt;
  }
  std::vector<PartitionIndex> all;
  for (const auto& partition : metadata->topics[0].partitions) all.push_back(partition.partition_index);
  std::ranges::sort(all);
  if (named.empty()) co_return all;
  std::vector<PartitionIndex> wanted;
  for (const int32_t number : named) {
    const PartitionIndex index(number);
    if (!std::ranges::binary_search(all, index)) {
      session.failed(
          fmt::format("topic {} has no partition {}: it has {}, counted from 0", topic, number, all.size()));
      co_return std::nullopt;
    }
    wanted.push_back(index);
  }
  co_return wanted;
}

Task<int> show_moves(Session& session, std::string topic, std::vector<int32_t> named) {
  kafka::ListPartitionReassignmentsRequest request;
  if (!topic.empty()) {
    auto wanted = co_await partitions_of(session, topic, named);
    if (!wanted) co_return kExitFailed;
    request.topics.emplace();
    request.topics->push_back({topic, std::move(*wanted)});
  }
  const auto answer = co_await session.cluster.call(
      Target::controller(), request,
      [](const kafka::ListPartitionReassignmentsResponse& response) { return response.error_code; });
  if (!answer) co_return session.failed(answer.error());
  if (answer->error_code != ErrorCode::none)
    co_return session.failed("reassignments", answer->error_code, answer->error_message);
  // A replica that is being made and is in sync already waits only for the others.
  std::vector<std::string> names;
  for (const auto& moving : answer->topics) names.push_back(moving.name);
  std::vector<kafka::MetadataResponse::Topic> known;
  if (!names.empty()) {
    auto metadata = co_await session.cluster.metadata(names);
    if (!metadata) co_return session.failed(metadata.error());
    known = std::move(metadata->topics);
  }
  const auto in_sync = [&](const std::string& name, PartitionIndex index) -> std::vector<BrokerId> {
    for (const auto& one : known) {
      if (one.name != name) continue;
      for (const auto& partition : one.partitions) {
        if (partition.partition_index == index) return partition.isr_nodes;
      }
    }
    return {};
  };
  Table table({"TOPIC", "PARTITION", "REPLICAS", "ADDING", "CAUGHT UP", "REMOVING"});
  bool any = false;
  for (const auto& moving : answer->topics) {
    for (const auto& partition : moving.partitions) {
      any = true;
      const auto isr = in_sync(moving.name, partition.partition_index);
      std::vector<BrokerId> caught_up;
      for (const BrokerId id : partition.adding_replicas) {
        if (std::ranges::find(isr, id) != isr.end()) caught_up.push_back(id);
      }
      if (session.json()) {
        session.line(Json()
                         .set("topic", moving.name)
                         .set("partition", partition.partition_index.value())
                         .raw("replicas", "[" + ids(partition.replicas) + "]")
                         .raw("adding", "[" + ids(partition.adding_replicas) + "]")
                         .raw("caughtUp", "[" + ids(caught_up) + "]")
                         .raw("removing", "[" + ids(partition.removing_replicas) + "]")
                         .text());
        continue;
      }
      const auto cell = [](const std::vector<BrokerId>& all) {
        return all.empty() ? std::string("-") : ids(all);
      };
      table.add({moving.name, to_string(partition.partition_index), cell(partition.replicas),
                 cell(partition.adding_replicas), cell(caught_up), cell(partition.removing_replicas)});
    }
  }
  if (session.json()) co_return kExitOk;
  if (any) {
    session.console.write(table.text());
  } else {
    session.line("nothing moves");
  }
  co_return kExitOk;
}

}  // namespace

Task<int> run(Session& session, const TopicReassign& ask) {
  if (ask.replicas.empty() && !ask.cancel) co_return co_await show_moves(session, ask.name, ask.partitions);
  const auto partitions = co_await partitions_of(session, ask.name, ask.partitions);
  if (!partitions) co_return kExitFailed;
  if (!co_await set_throttle(session, ask.throttle)) co_return kExitFailed;
  kafka::AlterPartitionReassignmentsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = ask.name;
  for (const PartitionIndex index : *partitions) {
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = index;
    if (ask.cancel) continue;
    partition.replicas.emplace();
    for (const int32_t id : ask.replicas) partition.replicas->push_back(BrokerId(id));
  }
  const auto answer = co_await session.cluster.call(
      Target::controller(), request,
      [](const kafka::AlterPartitionReassignmentsResponse& response) { return response.error_code; });
  if (!answer) co_return session.failed(answer.error());
  if (answer->error_code != ErrorCode::none)
    co_return session.failed("topic " + ask.name, answer->error_code, answer->error_message);
  int code = kExitOk;
  size_t cancelled = 0;
  for (const auto& told : answer->responses) {
    for (const auto& partition : told.partitions) {
      // Nobody named this one: it just does not move.
      const bool idle =
          partition.error_code == ErrorCode::no_reassignment_in_progress && ask.partitions.empty();
      if (idle) continue;
      const std::string name =
          fmt::format("topic {}, partition {}", told.name, to_string(partition.partition_index));
      if (partition.error_code != ErrorCode::none) {
        code = session.failed(name, partition.error_code, partition.error_message);
        continue;
      }
      ++cancelled;
      if (session.json()) {
        session.line(Json()
                         .set("topic", told.name)
                         .set("partition", partition.partition_index.value())
                         .set("order", ask.cancel ? "cancel" : "move")
                         .text());
      } else {
        session.line(name + (ask.cancel
                                 ? ": goes back to the brokers from before"
                                 : fmt::format(" moves to {}; 'godwit topic reassign' shows how far it is",
                                               fmt::join(ask.replicas, ","))));
      }
    }
  }
  if (ask.cancel && cancelled == 0 && code == kExitOk && !session.json())
    session.line("no partition of topic " + ask.name + " moves");
  co_return code;
}

Task<int> run(Session& session, const TopicElect& ask) {
  auto partitions = co_await partitions_of(session, ask.name, ask.partitions);
  if (!partitions) co_return kExitFailed;
  kafka::ElectLeadersRequest request;
  request.election_type = ask.unclean ? 1 : 0;
  request.topic_partitions->push_back({ask.name, std::move(*partitions)});
  const auto answer = co_await session.cluster.call(
      Target::controller(), request,
      [](const kafka::ElectLeadersResponse& response) { return response.error_code; });
  if (!answer) co_return session.failed(answer.error());
  if (answer->error_code != ErrorCode::none)
    co_return session.failed("topic " + ask.name, answer->error_code);
  int code = kExitOk;
  for (const auto& told : answer->replica_election_results) {
    for (const auto& partition : told.partition_result) {
      const std::string name =
          fmt::format("topic {}, partition {}", told.topic, to_string(partition.partition_id));
      const bool needed = partition.error_code != ErrorCode::election_not_needed;
      if (partition.error_code != ErrorCode::none && needed) {
        code = session.failed(name, partition.error_code, partition.error_message);
      } else if (session.json()) {
        session.line(Json()
                         .set("topic", told.topic)
                         .set("partition", partition.partition_id.value())
                         .set("elected", needed)
                         .text());
      } else {
        session.line(name + (needed ? ": a leader was elected" : ": its leader is the right one already"));
      }
    }
  }
  co_return code;
}

}  // namespace godwit::cli
