// AlterPartition: the leader of partitions asks the controller for other in-sync sets.
#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"

namespace godwit::broker::api {

Task<kafka::AlterPartitionResponse> handle(RequestContext& context, kafka::AlterPartitionRequest request) {
  std::vector<cluster::IsrChange> changes;
  Turns turns;
  for (const auto& topic : request.topics) {
    if (turns.due()) co_await runtime::yield();
    for (const auto& partition : topic.partitions) {
      if (turns.due()) co_await runtime::yield();
      cluster::IsrChange change{
          {topic.topic_id, partition.partition_index}, partition.leader_epoch, partition.partition_epoch, {}};
      for (const auto& member : partition.new_isr_with_epochs)
        change.isr[member.broker_id] = static_cast<uint64_t>(std::max<int64_t>(0, member.broker_epoch));
      changes.push_back(std::move(change));
    }
  }
  Broker& broker = context.shard.broker();
  kafka::AlterPartitionResponse response;
  using Outcomes = std::optional<std::vector<cluster::IsrOutcome>>;
  const Outcomes outcomes =
      co_await broker.on_first([&broker, asker = request.broker_id, epoch = request.broker_epoch,
                                changes = std::move(changes)]() mutable -> Task<Outcomes> {
        if (!broker.knows_cluster()) co_return std::nullopt;
        co_return co_await broker.metadata().serve_alter_isr(
            asker, static_cast<uint64_t>(std::max<int64_t>(0, epoch)), std::move(changes));
      });
  if (!outcomes) {
    response.error_code = ErrorCode::not_controller;
    co_return response;
  }
  for (const auto& outcome : *outcomes) {
    if (response.topics.empty() || response.topics.back().topic_id != outcome.id.topic)
      response.topics.push_back({outcome.id.topic, {}});
    auto& answer = response.topics.back().partitions.emplace_back();
    answer.partition_index = outcome.id.partition;
    answer.error_code = outcome.code;
    answer.partition_epoch = static_cast<int32_t>(outcome.version);
  }
  co_return response;
}

}  // namespace godwit::broker::api
