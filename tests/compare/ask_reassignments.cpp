// AlterPartitionReassignments, ListPartitionReassignments: what one broker alone can be asked.
#include "kafka/messages/alter_partition_reassignments.h"
#include "kafka/messages/list_partition_reassignments.h"
#include "script.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;
using Alter = kafka::AlterPartitionReassignmentsRequest;
using List = kafka::ListPartitionReassignmentsRequest;
using Replicas = std::optional<std::vector<BrokerId>>;

Alter to_replicas(const std::string& topic, int32_t partition, Replicas replicas) {
  return {.topics = {{topic, {{PartitionIndex(partition), std::move(replicas)}}}}};
}

void ask_alter(Script& s, int16_t v) {
  const std::string orders = s.create("orders", {.partitions = 3});
  const BrokerId self = s.broker();
  const BrokerId stranger(self.value() + 7);
  s.ask("to where it is", v, to_replicas(orders, 0, {{self}}));
  s.ask("cancelled, though nothing moves", v, to_replicas(orders, 0, std::nullopt));
  s.ask("to no broker", v, to_replicas(orders, 0, std::vector<BrokerId>{}));
  s.ask("to a broker that is not there", v, to_replicas(orders, 0, {{stranger}}));
  s.ask("to one broker and one that is not there", v, to_replicas(orders, 0, {{self, stranger}}));
  s.ask("to one broker twice", v, to_replicas(orders, 0, {{self, self}}));
  s.ask("to a negative broker", v, to_replicas(orders, 0, {{BrokerId(-1)}}));
  s.ask("unknown partition", v, to_replicas(orders, 9, {{self}}));
  s.ask("negative partition", v, to_replicas(orders, -1, {{self}}));
  s.ask("unknown partition, cancelled", v, to_replicas(orders, 9, std::nullopt));
  const std::string nowhere = s.name("nowhere");
  s.ask("unknown topic", v, to_replicas(nowhere, 0, {{self}}));
  s.ask("unknown topic, cancelled", v, to_replicas(nowhere, 0, std::nullopt));
  s.ask("a topic without a name", v, to_replicas("", 0, {{self}}));
  s.ask("no topics", v, Alter{});
  s.ask("no partitions of a topic", v, Alter{.topics = {{orders, {}}}});
  auto mixed = to_replicas(orders, 0, {{self}});
  mixed.topics[0].partitions.push_back({PartitionIndex(1), {{stranger}}});
  mixed.topics[0].partitions.push_back({PartitionIndex(2), std::nullopt});
  mixed.topics.push_back(to_replicas(nowhere, 0, {{self}}).topics[0]);
  s.ask("good ones and bad ones", v, mixed);
  auto twice = to_replicas(orders, 0, {{self}});
  twice.topics[0].partitions.push_back({PartitionIndex(0), std::nullopt});
  s.ask("one partition twice", v, twice);
  auto topic_twice = to_replicas(orders, 0, {{self}});
  topic_twice.topics.push_back(to_replicas(orders, 1, {{self}}).topics[0]);
  s.ask("one topic twice", v, topic_twice);
  if (v < 1) return;
  const auto keeping = [](Alter request) {
    request.allow_replication_factor_change = false;
    return request;
  };
  s.ask("as many as before, where no other number is allowed", v, keeping(to_replicas(orders, 0, {{self}})));
  s.ask("more, where no other number is allowed", v, keeping(to_replicas(orders, 0, {{self, stranger}})));
  s.ask("none, where no other number is allowed", v,
        keeping(to_replicas(orders, 0, std::vector<BrokerId>{})));
  s.ask("cancelled, where no other number is allowed", v, keeping(to_replicas(orders, 0, std::nullopt)));
}

// None is under way: one broker alone has nowhere to move anything to.
void ask_list(Script& s, int16_t v) {
  const std::string orders = s.create("orders", {.partitions = 2});
  const auto of = [](const std::string& topic, std::vector<PartitionIndex> partitions) {
    return List{.topics = {{{topic, std::move(partitions)}}}};
  };
  s.ask("all", v, List{.topics = std::nullopt});
  s.ask("one topic", v, of(orders, {PartitionIndex(0), PartitionIndex(1)}));
  s.ask("unknown partition", v, of(orders, {PartitionIndex(9)}));
  s.ask("negative partition", v, of(orders, {PartitionIndex(-1)}));
  s.ask("unknown topic", v, of(s.name("nowhere"), {PartitionIndex(0)}));
  s.ask("no partitions of a topic", v, of(orders, {}));
  s.ask("no topics", v, List{.topics = std::vector<List::Topic>{}});
}

}  // namespace

void ask_reassignments(Script& s) {
  s.each_version(ApiKey::alter_partition_reassignments, [&](int16_t v) { ask_alter(s, v); });
  s.each_version(ApiKey::list_partition_reassignments, [&](int16_t v) { ask_list(s, v); });
}

}  // namespace godwit::compare
