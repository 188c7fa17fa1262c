// The handlers of all requests, each in a file of its own name. They run on the connection's shard. `context` outlives
// the task. A handler that gives an Answer encodes it by itself; the others give the response.
#pragma once

#include "broker/api/messages.h"
#include "broker/request.h"

namespace godwit::broker::api {

using runtime::Task;

Task<kafka::ApiVersionsResponse> handle(RequestContext& context, kafka::ApiVersionsRequest request);
Task<kafka::MetadataResponse> handle(RequestContext& context, kafka::MetadataRequest request);
Task<Answer> handle(RequestContext& context, kafka::ProduceRequest request);
Task<kafka::FetchResponse> handle(RequestContext& context, kafka::FetchRequest request);
Task<kafka::ListOffsetsResponse> handle(RequestContext& context, kafka::ListOffsetsRequest request);
Task<kafka::CreateTopicsResponse> handle(RequestContext& context, kafka::CreateTopicsRequest request);
Task<kafka::InitProducerIdResponse> handle(RequestContext& context, kafka::InitProducerIdRequest request);
Task<kafka::DeleteTopicsResponse> handle(RequestContext& context, kafka::DeleteTopicsRequest request);
Task<kafka::CreatePartitionsResponse> handle(RequestContext& context, kafka::CreatePartitionsRequest request);
Task<kafka::DeleteRecordsResponse> handle(RequestContext& context, kafka::DeleteRecordsRequest request);
Task<kafka::DescribeConfigsResponse> handle(RequestContext& context, kafka::DescribeConfigsRequest request);
Task<kafka::AlterConfigsResponse> handle(RequestContext& context, kafka::AlterConfigsRequest request);
Task<kafka::IncrementalAlterConfigsResponse> handle(RequestContext& context,
                                                    kafka::IncrementalAlterConfigsRequest request);
Task<kafka::DescribeClusterResponse> handle(RequestContext& context, kafka::DescribeClusterRequest request);
Task<kafka::DescribeLogDirsResponse> handle(RequestContext& context, kafka::DescribeLogDirsRequest request);
Task<kafka::OffsetForLeaderEpochResponse> handle(RequestContext& context,
                                                 kafka::OffsetForLeaderEpochRequest request);
Task<kafka::ElectLeadersResponse> handle(RequestContext& context, kafka::ElectLeadersRequest request);
Task<kafka::FindCoordinatorResponse> handle(RequestContext& context, kafka::FindCoordinatorRequest request);
Task<kafka::JoinGroupResponse> handle(RequestContext& context, kafka::JoinGroupRequest request);
Task<kafka::SyncGroupResponse> handle(RequestContext& context, kafka::SyncGroupRequest request);
Task<kafka::HeartbeatResponse> handle(RequestContext& context, kafka::HeartbeatRequest request);
Task<kafka::LeaveGroupResponse> handle(RequestContext& context, kafka::LeaveGroupRequest request);
Task<kafka::OffsetCommitResponse> handle(RequestContext& context, kafka::OffsetCommitRequest request);
Task<kafka::OffsetFetchResponse> handle(RequestContext& context, kafka::OffsetFetchRequest request);
Task<kafka::OffsetDeleteResponse> handle(RequestContext& context, kafka::OffsetDeleteRequest request);
Task<kafka::ListGroupsResponse> handle(RequestContext& context, kafka::ListGroupsRequest request);
Task<kafka::DescribeGroupsResponse> handle(RequestContext& context, kafka::DescribeGroupsRequest request);
Task<kafka::DeleteGroupsResponse> handle(RequestContext& context, kafka::DeleteGroupsRequest request);
Task<kafka::AlterPartitionReassignmentsResponse> handle(RequestContext& context,
                                                        kafka::AlterPartitionReassignmentsRequest request);
Task<kafka::ListPartitionReassignmentsResponse> handle(RequestContext& context,
                                                       kafka::ListPartitionReassignmentsRequest request);

// Between brokers, and for the command line.
Task<kafka::AlterPartitionResponse> handle(RequestContext& context, kafka::AlterPartitionRequest request);
Task<kafka::ClusterPollResponse> handle(RequestContext& context, kafka::ClusterPollRequest request);
Task<kafka::BrokerReportResponse> handle(RequestContext& context, kafka::BrokerReportRequest request);
Task<kafka::BrokerProbeResponse> handle(RequestContext& context, kafka::BrokerProbeRequest request);
Task<kafka::ClusterCommandResponse> handle(RequestContext& context, kafka::ClusterCommandRequest request);
Task<kafka::ForwardResponse> handle(RequestContext& context, kafka::ForwardRequest request);

}  // namespace godwit::broker::api
