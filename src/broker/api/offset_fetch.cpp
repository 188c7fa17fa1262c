#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {
namespace {

using kafka::OffsetFetchRequest;
using kafka::OffsetFetchResponse;
using Group = OffsetFetchRequest::Group;
using Fetched = OffsetFetchResponse::Group;

constexpr int16_t kGroupErrorSince = 2;
// So many groups of a request are asked for at a time.
constexpr size_t kAtOnce = 256;
constexpr int16_t kManyGroupsSince = 8;
constexpr int16_t kTopicIdsSince = 10;

OffsetFetchResponse::Partition unknown_partition(PartitionIndex index, ErrorCode error) {
  OffsetFetchResponse::Partition partition;
  partition.partition_index = index;
  partition.committed_offset = Offset(-1);
  partition.error_code = error;
  return partition;
}

// Consumers before Kafka 3.9 give up upon COORDINATOR_NOT_AVAILABLE here, which Kafka's own brokers do not send either.
void say_not_coordinator(groups::OffsetFetchResponse& answer) {
  if (answer.error != ErrorCode::coordinator_not_available) return;
  answer.error = ErrorCode::not_coordinator;
  for (auto& topic : answer.topics) {
    for (auto& partition : topic.partitions) partition.error = ErrorCode::not_coordinator;
  }
}

// Each partition once, however often it is named: an offset has metadata of thousands of bytes.
void merge(Group& group) {
  if (!group.topics) return;
  std::set<std::tuple<std::string, TopicId, PartitionIndex>> seen;
  for (auto& topic : *group.topics) {
    std::erase_if(topic.partition_indexes, [&](PartitionIndex index) {
      return !seen.emplace(topic.name, topic.topic_id, index).second;
    });
  }
}

// Turns ids into names, for all topics alike; what no topic has is answered in `fetched`.
std::optional<std::vector<groups::OffsetFetchRequest::Topic>> topics_of(const cluster::Image& image,
                                                                        Group& group, int16_t version,
                                                                        Fetched& fetched) {
  if (!group.topics) return std::nullopt;
  std::vector<groups::OffsetFetchRequest::Topic> topics;
  for (auto& wanted : *group.topics) {
    if (version < kTopicIdsSince) {
      // What is held may be of a topic of that name that is gone. Of a topic that is not known now it is what there is.
      const cluster::Topic* const now = image.find(wanted.name);
      topics.push_back({std::move(wanted.name), now == nullptr ? TopicId() : now->id,
                        std::move(wanted.partition_indexes)});
      continue;
    }
    if (const cluster::Topic* const topic = image.find(wanted.topic_id)) {
      topics.push_back({topic->name, topic->id, std::move(wanted.partition_indexes)});
      continue;
    }
    auto& missing = fetched.topics.emplace_back();
    missing.topic_id = wanted.topic_id;
    for (const PartitionIndex index : wanted.partition_indexes) {
      missing.partitions.push_back(unknown_partition(index, ErrorCode::unknown_topic_id));
    }
  }
  return topics;
}

Task<Fetched> fetch_group(RequestContext& context, Group group, bool require_stable) {
  const int16_t version = context.version();
  // The newest there is: another shard may have taken a commit for a topic that this one does not know yet.
  const cluster::ImagePtr image = context.shard.broker().metadata().image();
  merge(group);
  Fetched fetched;
  fetched.group_id = group.group_id;
  groups::OffsetFetchRequest asked;
  asked.topics = topics_of(*image, group, version, fetched);
  asked.group = std::move(group.group_id);
  asked.require_stable = require_stable;
  groups::OffsetFetchResponse answer = co_await ask_manager(context.shard, std::move(asked));
  say_not_coordinator(answer);
  fetched.error_code = answer.error;
  if (answer.error != ErrorCode::none && version >= kGroupErrorSince) {
    fetched.topics.clear();
    co_return fetched;
  }
  for (auto& topic : answer.topics) {
    TopicId id = topic.id;
    if (!group.topics) {
      // All that the group has was asked for: not what it has of a topic whose name another one bears today.
      const cluster::Topic* const now = image->find(topic.name);
      if (now != nullptr && !id.is_zero() && now->id != id) continue;
      // What belongs to no topic of today cannot be named in this version.
      if (version >= kTopicIdsSince && id.is_zero() && now == nullptr) continue;
      if (id.is_zero() && now != nullptr) id = now->id;
    }
    auto& out = fetched.topics.emplace_back();
    out.name = std::move(topic.name);
    out.topic_id = id;
    for (auto& partition : topic.partitions) {
      out.partitions.push_back({partition.partition, partition.offset, partition.leader_epoch,
                                std::move(partition.metadata), partition.error});
    }
  }
  co_return fetched;
}

// Up to version 7 there is one group, with its fields in the request and the response themselves.
Task<OffsetFetchResponse> fetch_single(RequestContext& context, OffsetFetchRequest request) {
  Group group;
  group.group_id = std::move(request.group_id);
  group.topics.reset();
  if (request.topics) {
    group.topics.emplace();
    for (auto& topic : *request.topics) {
      group.topics->push_back({std::move(topic.name), {}, std::move(topic.partition_indexes)});
    }
  }
  Fetched fetched = co_await fetch_group(context, std::move(group), request.require_stable);
  OffsetFetchResponse response;
  response.error_code = fetched.error_code;
  for (auto& topic : fetched.topics) {
    response.topics.push_back({std::move(topic.name), std::move(topic.partitions)});
  }
  co_return response;
}

}  // namespace

Task<OffsetFetchResponse> handle(RequestContext& context, OffsetFetchRequest request) {
  if (context.version() < kManyGroupsSince) {
    co_return co_await fetch_single(context, std::move(request));
  }
  // Many at once: managers live on any shard, and the way there and back is most of what one costs. Not all: each has some memory
  // while it waits, and a few bytes of a request name one.
  std::vector<Task<Fetched>> fetching;
  std::set<std::string> seen;
  Turns turns;
  OffsetFetchResponse response;
  const auto fetch_all = [&]() -> Task<void> {
    auto fetched = co_await runtime::when_all(std::exchange(fetching, {}));
    std::ranges::move(fetched, std::back_inserter(response.groups));
  };
  for (Group& group : request.groups) {
    if (turns.due()) co_await runtime::yield();
    if (!seen.insert(group.group_id).second) continue;
    fetching.push_back(fetch_group(context, std::move(group), request.require_stable));
    if (fetching.size() == kAtOnce) co_await fetch_all();
  }
  co_await fetch_all();
  co_return response;
}

}  // namespace godwit::broker::api
