#include <map>
#include <set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

// What Kafka says of a log that it does not find.
constexpr int64_t kLagUnknown = -1;

}  // namespace

Task<kafka::DescribeLogDirsResponse> handle(RequestContext& context, kafka::DescribeLogDirsRequest request) {
  kafka::DescribeLogDirsResponse response;
  Broker& broker = context.shard.broker();
  auto& directory = response.results.emplace_back();
  directory.log_dir = broker.options().store.directory;
  const auto disk = co_await broker.on_first([&broker] { return broker.store().disk(); });
  if (disk) {
    directory.total_bytes = static_cast<int64_t>(disk->total);
    directory.usable_bytes = static_cast<int64_t>(disk->available);
  } else {
    directory.error_code = ErrorCode::kafka_storage_error;
  }
  // Null asks for all partitions.
  std::set<std::pair<std::string, int32_t>> wanted;
  if (request.topics) {
    Turns turns;
    for (const auto& topic : *request.topics) {
      if (turns.due()) co_await runtime::yield();
      for (const PartitionIndex index : topic.partitions) {
        if (turns.due()) co_await runtime::yield();
        wanted.emplace(topic.topic, index.value());
      }
    }
  }
  std::map<std::string, std::vector<kafka::DescribeLogDirsResponse::Partition>> found;
  for (size_t i = 0; i < broker.shard_count(); ++i) {
    BrokerShard& owner = broker.shard(i);
    co_await owner.shard().call([&] {
      for (const auto& [id, partition] : owner.partitions()) {
        if (partition->closed()) continue;
        if (request.topics && !wanted.contains({partition->topic(), id.partition.value()})) continue;
        found[partition->topic()].push_back({id.partition,
                                             static_cast<int64_t>(partition->log()->size_bytes()),
                                             owner.lag(*partition).value_or(kLagUnknown), false});
      }
    });
  }
  for (auto& [name, partitions] : found) directory.topics.push_back({name, std::move(partitions)});
  co_return response;
}

}  // namespace godwit::broker::api
