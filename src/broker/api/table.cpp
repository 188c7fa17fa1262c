#include "broker/api/table.h"

#include <map>

#include "base/endian.h"
#include "broker/api/handlers.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

using Handler = Task<Answer> (*)(RequestContext&);

template <class Request>
Task<Answer> decode_and_serve(RequestContext& context) {
  auto request = codec::decode<Request>(context.frame.body, context.version());
  if (!request) co_return fail(request.error());
  auto response = co_await handle(context, std::move(*request));
  if constexpr (std::is_same_v<decltype(response), Answer>) {
    co_return response;
  } else {
    co_return kafka::encode_response(context.frame.correlation_id, response, context.version());
  }
}

const std::map<kafka::ApiKey, Handler>& handlers() {
  static const std::map<kafka::ApiKey, Handler> table = {
      {kafka::ApiKey::api_versions, decode_and_serve<kafka::ApiVersionsRequest>},
      {kafka::ApiKey::metadata, decode_and_serve<kafka::MetadataRequest>},
      {kafka::ApiKey::produce, decode_and_serve<kafka::ProduceRequest>},
      {kafka::ApiKey::fetch, decode_and_serve<kafka::FetchRequest>},
      {kafka::ApiKey::list_offsets, decode_and_serve<kafka::ListOffsetsRequest>},
      {kafka::ApiKey::create_topics, decode_and_serve<kafka::CreateTopicsRequest>},
      {kafka::ApiKey::init_producer_id, decode_and_serve<kafka::InitProducerIdRequest>},
      {kafka::ApiKey::delete_topics, decode_and_serve<kafka::DeleteTopicsRequest>},
      {kafka::ApiKey::create_partitions, decode_and_serve<kafka::CreatePartitionsRequest>},
      {kafka::ApiKey::delete_records, decode_and_serve<kafka::DeleteRecordsRequest>},
      {kafka::ApiKey::describe_configs, decode_and_serve<kafka::DescribeConfigsRequest>},
      {kafka::ApiKey::alter_configs, decode_and_serve<kafka::AlterConfigsRequest>},
      {kafka::ApiKey::incremental_alter_configs, decode_and_serve<kafka::IncrementalAlterConfigsRequest>},
      {kafka::ApiKey::describe_cluster, decode_and_serve<kafka::DescribeClusterRequest>},
      {kafka::ApiKey::describe_log_dirs, decode_and_serve<kafka::DescribeLogDirsRequest>},
      {kafka::ApiKey::offset_for_leader_epoch, decode_and_serve<kafka::OffsetForLeaderEpochRequest>},
      {kafka::ApiKey::elect_leaders, decode_and_serve<kafka::ElectLeadersRequest>},
      {kafka::ApiKey::find_coordinator, decode_and_serve<kafka::FindCoordinatorRequest>},
      {kafka::ApiKey::join_group, decode_and_serve<kafka::JoinGroupRequest>},
      {kafka::ApiKey::sync_group, decode_and_serve<kafka::SyncGroupRequest>},
      {kafka::ApiKey::heartbeat, decode_and_serve<kafka::HeartbeatRequest>},
      {kafka::ApiKey::leave_group, decode_and_serve<kafka::LeaveGroupRequest>},
      {kafka::ApiKey::offset_commit, decode_and_serve<kafka::OffsetCommitRequest>},
      {kafka::ApiKey::offset_fetch, decode_and_serve<kafka::OffsetFetchRequest>},
      {kafka::ApiKey::offset_delete, decode_and_serve<kafka::OffsetDeleteRequest>},
      {kafka::ApiKey::list_groups, decode_and_serve<kafka::ListGroupsRequest>},
      {kafka::ApiKey::describe_groups, decode_and_serve<kafka::DescribeGroupsRequest>},
      {kafka::ApiKey::delete_groups, decode_and_serve<kafka::DeleteGroupsRequest>},
      {kafka::ApiKey::alter_partition_reassignments,
       decode_and_serve<kafka::AlterPartitionReassignmentsRequest>},
      {kafka::ApiKey::list_partition_reassignments,
       decode_and_serve<kafka::ListPartitionReassignmentsRequest>},
      {kafka::ApiKey::alter_partition, decode_and_serve<kafka::AlterPartitionRequest>},
      {kafka::ApiKey::cluster_poll, decode_and_serve<kafka::ClusterPollRequest>},
      {kafka::ApiKey::broker_report, decode_and_serve<kafka::BrokerReportRequest>},
      {kafka::ApiKey::broker_probe, decode_and_serve<kafka::BrokerProbeRequest>},
      {kafka::ApiKey::cluster_command, decode_and_serve<kafka::ClusterCommandRequest>},
      {kafka::ApiKey::forward, decode_and_serve<kafka::ForwardRequest>},
  };
  return table;
}

}  // namespace

bool is_served(kafka::ApiKey key) {
  return handlers().contains(key);
}

bool is_the_controllers(kafka::ApiKey key) {
  switch (key) {
    case kafka::ApiKey::create_topics:
    case kafka::ApiKey::delete_topics:
    case kafka::ApiKey::create_partitions:
    case kafka::ApiKey::alter_configs:
    case kafka::ApiKey::incremental_alter_configs:
    case kafka::ApiKey::elect_leaders:
    case kafka::ApiKey::alter_partition_reassignments:
    case kafka::ApiKey::cluster_command:
      return true;
    default:
      return false;
  }
}

namespace {

constexpr Duration kForwardPatience = std::chrono::seconds(15);
// A client that came first to a broker that is starting waits so long before it is sent away.
constexpr Duration kJoinPatience = std::chrono::seconds(5);

// Whether it is a command that each broker answers for itself.
bool is_of_each_broker(const RequestContext& context) {
  if (context.frame.key() != kafka::ApiKey::cluster_command) return false;
  codec::Input copy = context.frame.body;
  const auto request = codec::decode<kafka::ClusterCommandRequest>(copy, context.version());
  return request && request->verb == kafka::ClusterCommandRequest::kMembers;
}

// The controller's answer to the client's request; where none comes, what this broker says by itself: not_controller.
Task<Answer> hand_on(RequestContext& context, Handler handler) {
  kafka::ForwardRequest request;
  request.cluster_id = context.shard.image()->cluster_id;
  request.api_key = static_cast<int16_t>(context.frame.key());
  request.api_version = context.version();
  request.client_id = context.frame.client_id;
  const BytesView rest = context.frame.body.rest();
  request.body = Bytes(rest.begin(), rest.end());
  Broker& broker = context.shard.broker();
  auto body = co_await broker.on_first([&broker, request = std::move(request)]() mutable {
    return broker.metadata().forward(std::move(request), kForwardPatience);
  });
  if (!body) co_return co_await handler(context);
  const Bytes header =
      kafka::response_header(context.frame.key(), context.version(), context.frame.correlation_id);
  Bytes frame(kafka::kFrameLengthSize + header.size());
  store_big(frame.data(), static_cast<int32_t>(header.size() + body->size()));
  std::copy(header.begin(), header.end(), frame.begin() + kafka::kFrameLengthSize);
  Chain chain(SharedBytes::own(std::move(frame)));
  chain.append(SharedBytes::own(std::move(*body)));
  co_return chain;
}

}  // namespace

Task<Answer> serve_here(RequestContext& context) {
  const auto handler = handlers().find(context.frame.key());
  GW_CHECK(handler != handlers().end(), "only requests that are served are handed on");
  co_return co_await handler->second(context);
}

Task<Answer> serve(RequestContext& context) {
  if (!context.frame.accepted()) {
    // ApiVersions in a version that is too new: its body cannot be read, but the answer tells what can.
    co_return kafka::encode_response(context.frame.correlation_id, kafka::api_versions_fallback(), 0);
  }
  const auto handler = handlers().find(context.frame.key());
  if (handler == handlers().end()) {
    co_return fail(ErrorKind::unsupported, std::string(context.frame.api->name) + " requests are not served");
  }
  // Until this broker has its place in the cluster it knows nothing that it could tell clients: they wait a while, and had better
  // try another one then. Others of the cluster, and who asks for versions, are answered all the same.
  const bool for_anybody = context.frame.api->internal && handler->first != kafka::ApiKey::cluster_command;
  if (!for_anybody && handler->first != kafka::ApiKey::api_versions) {
    Broker& broker = context.shard.broker();
    if (!co_await context.shard.opened(context.arrived + kJoinPatience) || !broker.knows_cluster())
      co_return fail(ErrorKind::unavailable, "this broker has not joined its cluster yet");
    if (is_the_controllers(handler->first) && !broker.metadata().controls() && !is_of_each_broker(context))
      co_return co_await hand_on(context, handler->second);
  }
  co_return co_await handler->second(context);
}

}  // namespace godwit::broker::api
