#include "cli/offsets.h"

#include <fmt/format.h>

#include "kafka/messages/list_offsets.h"

namespace godwit::cli {

using runtime::Task;

namespace {

using Response = kafka::ListOffsetsResponse;

// A broker that hangs and is not known to be dead yet must not keep the others' answers.
constexpr Duration kPatience = std::chrono::seconds(2);
// Before those are asked again whose leader said that it is not, or not yet.
constexpr Duration kAskAgain = std::chrono::milliseconds(200);
// More names would fill the screen.
constexpr size_t kNamesShown = 5;

std::string print(const PartitionName& name) {
  return name.first + "-" + std::to_string(name.second);
}

// The first error that stands in the answer.
ErrorCode verdict(const Response& response) {
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code != ErrorCode::none) return partition.error_code;
    }
  }
  return ErrorCode::none;
}

kafka::ListOffsetsRequest request_for(const PartitionNames& names, int64_t when) {
  kafka::ListOffsetsRequest request;
  request.replica_id = kNoBroker;
  for (const auto& [topic, partition] : names) {
    if (request.topics.empty() || request.topics.back().name != topic) request.topics.push_back({topic, {}});
    auto& asked = request.topics.back().partitions.emplace_back();
    asked.partition_index = PartitionIndex(partition);
    asked.timestamp = when;
  }
  return request;
}

}  // namespace

Task<Result<Offsets>> list_offsets(Session& session, PartitionNames names, int64_t when) {
  Offsets found;
  std::set<std::string> topics;
  for (const auto& name : names) topics.insert(name.first);
  if (topics.empty()) co_return found;
  const auto metadata = co_await session.cluster.metadata({topics.begin(), topics.end()});
  if (!metadata) co_return fail(metadata.error());
  // One request for each leader; where leadership moves meanwhile, that partition is asked for by itself.
  std::map<BrokerId, PartitionNames> by_leader;
  for (const auto& topic : metadata->topics) {
    for (const auto& partition : topic.partitions) {
      const PartitionName name{topic.name.value_or(""), partition.partition_index.value()};
      if (names.contains(name) && partition.leader_id != kNoBroker)
        by_leader[partition.leader_id].insert(name);
    }
  }
  PartitionNames left = std::move(names);
  const auto take = [&](const Response& response) {
    for (const auto& topic : response.topics) {
      for (const auto& partition : topic.partitions) {
        if (partition.error_code != ErrorCode::none) continue;
        const PartitionName name{topic.name, partition.partition_index.value()};
        left.erase(name);
        if (partition.offset.value() >= 0) found[name] = partition.offset.value();
      }
    }
  };
  for (const auto& [leader, wanted] : by_leader) {
    const auto answer =
        co_await session.cluster.call(peer::Target::broker(leader), request_for(wanted, when));
    if (answer) take(*answer);
  }
  for (const auto& name : PartitionNames(left)) {
    const auto answer = co_await session.cluster.call(
        peer::Target::leader(name.first, PartitionIndex(name.second)), request_for({name}, when), verdict);
    if (!answer) co_return fail(answer.error());
    take(*answer);
    if (left.contains(name)) {
      co_return fail(ErrorKind::not_found, print(name) + ": " + std::string(to_string(verdict(*answer))));
    }
  }
  co_return found;
}

namespace {

struct Asking {
  Session& session;
  int64_t when;
  ToldOffsets told;
  // Brokers said so, and may say otherwise soon.
  std::map<ErrorCode, PartitionNames> refused;
};

Task<void> ask_leader(Asking& asking, BrokerId leader, PartitionNames names) {
  const auto answer = co_await asking.session.cluster.call(
      peer::Target::broker(leader), request_for(names, asking.when), {.timeout = kPatience});
  PartitionNames silent = std::move(names);
  if (answer) {
    for (const auto& topic : answer->topics) {
      for (const auto& partition : topic.partitions) {
        const PartitionName name{topic.name, partition.partition_index.value()};
        if (silent.erase(name) == 0) continue;
        if (partition.error_code != ErrorCode::none) {
          asking.refused[partition.error_code].insert(name);
        } else if (partition.offset.value() >= 0) {
          asking.told.offsets[name] = partition.offset.value();
        }
      }
    }
  }
  const std::string why = answer ? "its answer does not speak of them" : answer.error().message;
  if (!silent.empty()) asking.told.unknown["broker " + to_string(leader) + ": " + why].merge(silent);
}

// Once: each partition is told then, unknown or refused.
Task<void> ask_all(Asking& asking, PartitionNames names) {
  kafka::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  std::vector<kafka::MetadataRequest::Topic> topics;
  for (const auto& [topic, partition] : names) {
    if (topics.empty() || topics.back().name != topic) topics.push_back({.topic_id = {}, .name = topic});
  }
  request.topics = std::move(topics);
  const auto metadata =
      co_await asking.session.cluster.call(peer::Target::any(), std::move(request), {.timeout = kPatience});
  if (!metadata) {
    asking.told.unknown[metadata.error().message].merge(names);
    co_return;
  }
  std::map<BrokerId, PartitionNames> by_leader;
  for (const auto& topic : metadata->topics) {
    for (const auto& partition : topic.partitions) {
      const PartitionName name{topic.name.value_or(""), partition.partition_index.value()};
      if (partition.leader_id != kNoBroker && names.erase(name) > 0)
        by_leader[partition.leader_id].insert(name);
    }
  }
  if (!names.empty()) asking.told.unknown["no leader is known"].merge(names);
  std::vector<Task<void>> all;
  for (auto& [leader, wanted] : by_leader) all.push_back(ask_leader(asking, leader, std::move(wanted)));
  co_await runtime::when_all(std::move(all));
}

}  // namespace

Task<ToldOffsets> told_offsets(Session& session, PartitionNames names, int64_t when) {
  Asking asking{session, when, {}, {}};
  if (names.empty()) co_return asking.told;
  co_await ask_all(asking, std::move(names));
  PartitionNames again;
  for (auto& [code, refused] : std::exchange(asking.refused, {})) again.merge(refused);
  if (!again.empty()) {
    co_await runtime::sleep_for(kAskAgain);
    co_await ask_all(asking, std::move(again));
    for (auto& [code, refused] : asking.refused)
      asking.told.unknown[std::string(to_string(code))].merge(refused);
  }
  co_return std::move(asking.told);
}

void note_unknown(Session& session, const std::map<std::string, PartitionNames>& unknown) {
  PartitionNames said;
  for (const auto& [why, names] : unknown) {
    std::string some;
    size_t count = 0;
    for (const auto& name : names) {
      if (!said.insert(name).second) continue;
      if (count++ < kNamesShown) some += (some.empty() ? "" : ", ") + print(name);
    }
    if (count == 0) continue;
    if (count > kNamesShown) some += fmt::format(" and {} more", count - kNamesShown);
    session.console.write_error(fmt::format("godwit: offsets of {} are not known: {}\n", some, why));
  }
}

}  // namespace godwit::cli
