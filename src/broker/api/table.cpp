#include "broker/api/table.h"

#include <map>

#include "broker/api/handlers.h"

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
  };
  return table;
}

}  // namespace

bool is_served(kafka::ApiKey key) {
  return handlers().contains(key);
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
  co_return co_await handler->second(context);
}

}  // namespace godwit::broker::api
