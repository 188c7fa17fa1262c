#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/offsets.h"
#include "cli/replica_sizes.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/settings_report.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_topics.h"

namespace godwit::cli {

using peer::Target;
using runtime::Task;

namespace {

// DeleteTopics names topics so up to this version.
constexpr int16_t kDeleteByName = 5;

int32_t milliseconds(Duration time) {
  return static_cast<int32_t>(
      std::min<int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count(), INT32_MAX));
}

template <class Ids>
std::string ids(const Ids& all) {
  std::vector<int32_t> numbers;
  for (const auto& id : all) numbers.push_back(id.value());
  return fmt::format("{}", fmt::join(numbers, ","));
}

template <class Ids>
std::string json_ids(const Ids& all) {
  return "[" + ids(all) + "]";
}

// The topics to tell about, sorted; complains about those that are not there.
Task<Result<std::vector<kafka::MetadataResponse::Topic>>> find_topics(
    Session& session, std::vector<std::string> names, int& code, std::vector<BrokerId>* brokers = nullptr) {
  auto metadata =
      names.empty() ? co_await session.cluster.metadata() : co_await session.cluster.metadata(names);
  if (!metadata) co_return fail(metadata.error());
  for (const auto& broker : metadata->brokers) {
    if (brokers != nullptr) brokers->push_back(broker.node_id);
  }
  std::vector<kafka::MetadataResponse::Topic> topics;
  for (auto& topic : metadata->topics) {
    if (topic.error_code == ErrorCode::none) {
      topics.push_back(std::move(topic));
    } else {
      code = session.failed("topic " + topic.name.value_or("?"), topic.error_code);
    }
  }
  std::ranges::sort(topics, {}, [](const auto& topic) { return topic.name.value_or(""); });
  for (auto& topic : topics) {
    std::ranges::sort(topic.partitions, {}, [](const auto& partition) { return partition.partition_index; });
  }
  co_return topics;
}

const ReplicaSize* size_of(const ReplicaSizes& sizes, const PartitionName& name, BrokerId broker) {
  const auto found = sizes.find(name);
  if (found == sizes.end()) return nullptr;
  const auto one = found->second.find(broker);
  return one == found->second.end() ? nullptr : &one->second;
}

// In the order of the replicas: committed records that each lacks; "?" where nobody can tell.
template <class Ids>
std::string lags(const Ids& replicas, const ReplicaSizes& sizes, const PartitionName& name) {
  std::string text;
  for (const BrokerId id : replicas) {
    const ReplicaSize* const one = size_of(sizes, name, id);
    text += (text.empty() ? "" : ",") +
            (one != nullptr && one->lag ? std::to_string(*one->lag) : std::string("?"));
  }
  return text;
}

template <class Ids>
std::string json_state(const Ids& replicas, const ReplicaSizes& sizes, const PartitionName& name) {
  std::vector<std::string> all;
  for (const BrokerId id : replicas) {
    const ReplicaSize* const one = size_of(sizes, name, id);
    Json json;
    json.set("broker", id.value());
    one != nullptr && one->lag ? json.set("lagRecords", *one->lag) : json.set_null("lagRecords");
    one != nullptr ? json.set("bytes", one->bytes) : json.set_null("bytes");
    all.push_back(json.text());
  }
  return json_array(all);
}

}  // namespace

Task<int> run(Session& session, const TopicCreate& ask) {
  kafka::CreateTopicsRequest request;
  request.timeout_ms = milliseconds(session.ask.timeout);
  auto& topic = request.topics.emplace_back();
  topic.name = ask.name;
  topic.num_partitions = ask.partitions;
  topic.replication_factor = ask.replication_factor;
  for (const auto& [name, value] : ask.config) topic.configs.push_back({name, value});
  // Sent twice it would find its own work and call it somebody else's.
  const auto answer =
      co_await session.cluster.call(Target::controller(), request,
                                    [](const kafka::CreateTopicsResponse& r) {
                                      return r.topics.empty() ? ErrorCode::none : r.topics[0].error_code;
                                    },
                                    {.version_max = codec::kNoVersion, .repeatable = false});
  if (!answer) co_return session.failed(answer.error());
  if (answer->topics.size() != 1) co_return session.failed("the broker's answer does not speak of the topic");
  const auto& made = answer->topics[0];
  const bool existed = made.error_code == ErrorCode::topic_already_exists;
  if (made.error_code != ErrorCode::none && !(existed && ask.if_not_exists)) {
    co_return session.failed("topic " + ask.name, made.error_code, made.error_message);
  }
  if (session.json()) {
    session.line(Json()
                     .set("topic", ask.name)
                     .set("created", !existed)
                     .set("partitions", made.num_partitions)
                     .set("replicationFactor", int32_t{made.replication_factor})
                     .text());
  } else if (existed) {
    session.line("topic " + ask.name + " exists already");
  } else if (made.num_partitions > 0) {
    session.line(fmt::format("created topic {}: {} partition{}, {} replica{} of each", ask.name,
                             made.num_partitions, made.num_partitions == 1 ? "" : "s",
                             made.replication_factor, made.replication_factor == 1 ? "" : "s"));
  } else {
    session.line("created topic " + ask.name);
  }
  co_return kExitOk;
}

Task<int> run(Session& session, const TopicList& ask) {
  int code = kExitOk;
  const auto topics = co_await find_topics(session, {}, code);
  if (!topics) co_return session.failed(topics.error());
  Table table({"TOPIC", "PARTITIONS", "REPLICAS", "INTERNAL"});
  for (const auto& topic : *topics) {
    if (topic.is_internal && !ask.internal) continue;
    const size_t replicas = topic.partitions.empty() ? 0 : topic.partitions[0].replica_nodes.size();
    if (session.json()) {
      session.line(Json()
                       .set("topic", topic.name.value_or(""))
                       .set("id", to_string(topic.topic_id))
                       .set("partitions", static_cast<int64_t>(topic.partitions.size()))
                       .set("replicationFactor", static_cast<int64_t>(replicas))
                       .set("internal", topic.is_internal)
                       .text());
    }
    table.add({topic.name.value_or(""), std::to_string(topic.partitions.size()), std::to_string(replicas),
               topic.is_internal ? "yes" : "no"});
  }
  if (!session.json()) session.console.write(table.text());
  co_return code;
}

Task<int> run(Session& session, const TopicDescribe& ask) {
  int code = kExitOk;
  std::vector<BrokerId> brokers;
  const auto topics = co_await find_topics(session, ask.names, code, &brokers);
  if (!topics) co_return session.failed(topics.error());
  PartitionNames names;
  PartitionNames all;
  for (const auto& topic : *topics) {
    for (const auto& partition : topic.partitions) {
      all.insert({*topic.name, partition.partition_index.value()});
      if (partition.leader_id != kNoBroker) names.insert({*topic.name, partition.partition_index.value()});
    }
  }
  std::vector<Task<ToldOffsets>> asking;
  for (const int64_t when : {kEarliest, kLatest}) asking.push_back(told_offsets(session, names, when));
  auto ends = co_await runtime::when_all(std::move(asking));
  const Offsets& first = ends[0].offsets;
  const Offsets& last = ends[1].offsets;
  for (auto& [why, unknown] : ends[1].unknown) ends[0].unknown[why].merge(unknown);
  const ReplicaSizes sizes = co_await replica_sizes(session, brokers, std::move(all));
  Table table(
      {"TOPIC", "PARTITION", "LEADER", "EPOCH", "REPLICAS", "LAG", "IN SYNC", "OFFLINE", "FIRST", "END"});
  for (const auto& topic : *topics) {
    std::vector<std::string> partitions;
    for (const auto& partition : topic.partitions) {
      const PartitionName name{*topic.name, partition.partition_index.value()};
      const auto number = [&](const Offsets& offsets) {
        const auto found = offsets.find(name);
        return found == offsets.end() ? std::string("-") : std::to_string(found->second);
      };
      const bool led = partition.leader_id != kNoBroker;
      table.add({name.first, std::to_string(name.second), led ? to_string(partition.leader_id) : "none",
                 to_string(partition.leader_epoch), ids(partition.replica_nodes),
                 lags(partition.replica_nodes, sizes, name), ids(partition.isr_nodes),
                 partition.offline_replicas.empty() ? "-" : ids(partition.offline_replicas), number(first),
                 number(last)});
      Json json;
      json.set("partition", name.second).set("leader", partition.leader_id.value());
      json.set("leaderEpoch", partition.leader_epoch.value())
          .raw("replicas", json_ids(partition.replica_nodes));
      json.raw("inSync", json_ids(partition.isr_nodes)).raw("offline", json_ids(partition.offline_replicas));
      json.raw("first", first.contains(name) ? number(first) : "null");
      json.raw("end", last.contains(name) ? number(last) : "null");
      json.raw("state", json_state(partition.replica_nodes, sizes, name));
      partitions.push_back(json.text());
    }
    if (session.json()) {
      session.line(Json()
                       .set("topic", *topic.name)
                       .set("id", to_string(topic.topic_id))
                       .set("internal", topic.is_internal)
                       .raw("partitions", json_array(partitions))
                       .text());
    }
  }
  if (!session.json() && !topics->empty()) session.console.write(table.text());
  note_unknown(session, ends[0].unknown);
  co_return code;
}

Task<int> run(Session& session, const TopicDelete& ask) {
  kafka::DeleteTopicsRequest request;
  request.topic_names = ask.names;
  request.timeout_ms = milliseconds(session.ask.timeout);
  const auto answer = co_await session.cluster.call(Target::controller(), request,
                                                    [](const kafka::DeleteTopicsResponse& r) {
                                                      for (const auto& topic : r.responses) {
                                                        if (topic.error_code == ErrorCode::not_controller)
                                                          return topic.error_code;
                                                      }
                                                      return ErrorCode::none;
                                                    },
                                                    {.version_max = kDeleteByName, .repeatable = false});
  if (!answer) co_return session.failed(answer.error());
  int code = kExitOk;
  for (const auto& topic : answer->responses) {
    const std::string name = topic.name.value_or("");
    const bool missing = topic.error_code == ErrorCode::unknown_topic_or_partition;
    if (topic.error_code != ErrorCode::none && !(missing && ask.if_exists)) {
      code = session.failed("topic " + name, topic.error_code, topic.error_message);
    } else if (session.json()) {
      session.line(Json().set("topic", name).set("deleted", !missing).text());
    } else {
      session.line(missing ? "there is no topic " + name : "deleted topic " + name);
    }
  }
  co_return code;
}

namespace {

Task<int> add_partitions(Session& session, std::string name, int32_t count) {
  kafka::CreatePartitionsRequest request;
  request.timeout_ms = milliseconds(session.ask.timeout);
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.count = count;
  topic.assignments.reset();
  const auto answer = co_await session.cluster.call(
      Target::controller(), request,
      [](const kafka::CreatePartitionsResponse& r) {
        return !r.results.empty() && r.results[0].error_code == ErrorCode::not_controller
                   ? ErrorCode::not_controller
                   : ErrorCode::none;
      },
      {.version_max = codec::kNoVersion, .repeatable = false});
  if (!answer) co_return session.failed(answer.error());
  if (answer->results.size() != 1)
    co_return session.failed("the broker's answer does not speak of the topic");
  const auto& result = answer->results[0];
  if (result.error_code != ErrorCode::none) {
    co_return session.failed("topic " + name, result.error_code, result.error_message);
  }
  if (session.json()) {
    session.line(Json().set("topic", name).set("partitions", count).text());
  } else {
    session.line(
        fmt::format("topic {} has {} partitions now; keys may go to others than before", name, count));
  }
  co_return kExitOk;
}

}  // namespace

Task<int> run(Session& session, const TopicAlter& ask) {
  if (!ask.config.empty() || !ask.delete_config.empty()) {
    const int code =
        co_await alter_settings(session, kTopicSettings, ask.name, ask.config, ask.delete_config);
    if (code != kExitOk) co_return code;
  }
  if (ask.partitions) co_return co_await add_partitions(session, ask.name, *ask.partitions);
  co_return kExitOk;
}

Task<int> run(Session& session, const TopicConfig& ask) {
  co_return co_await show_settings(session, kTopicSettings, ask.name, ask.all);
}

}  // namespace godwit::cli
