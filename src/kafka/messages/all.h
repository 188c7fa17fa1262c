// Every message at once, for what treats them all alike: tests, fuzzers, tools. Nobody else includes this.
#pragma once

#include "kafka/messages/alter_configs.h"
#include "kafka/messages/alter_partition_reassignments.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_acls.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_acls.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_acls.h"
#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/describe_producers.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/elect_leaders.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/list_partition_reassignments.h"
#include "kafka/messages/list_transactions.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/offset_for_leader_epoch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/sasl_authenticate.h"
#include "kafka/messages/sasl_handshake.h"
#include "kafka/messages/sync_group.h"

namespace godwit::kafka {

// Calls visit.operator()<Request>() for every request.
template <class Visit>
void for_each_request(Visit&& visit) {
  visit.template operator()<ProduceRequest>();
  visit.template operator()<FetchRequest>();
  visit.template operator()<ListOffsetsRequest>();
  visit.template operator()<MetadataRequest>();
  visit.template operator()<OffsetCommitRequest>();
  visit.template operator()<OffsetFetchRequest>();
  visit.template operator()<FindCoordinatorRequest>();
  visit.template operator()<JoinGroupRequest>();
  visit.template operator()<HeartbeatRequest>();
  visit.template operator()<LeaveGroupRequest>();
  visit.template operator()<SyncGroupRequest>();
  visit.template operator()<DescribeGroupsRequest>();
  visit.template operator()<ListGroupsRequest>();
  visit.template operator()<SaslHandshakeRequest>();
  visit.template operator()<ApiVersionsRequest>();
  visit.template operator()<CreateTopicsRequest>();
  visit.template operator()<DeleteTopicsRequest>();
  visit.template operator()<DeleteRecordsRequest>();
  visit.template operator()<InitProducerIdRequest>();
  visit.template operator()<OffsetForLeaderEpochRequest>();
  visit.template operator()<DescribeAclsRequest>();
  visit.template operator()<CreateAclsRequest>();
  visit.template operator()<DeleteAclsRequest>();
  visit.template operator()<DescribeConfigsRequest>();
  visit.template operator()<AlterConfigsRequest>();
  visit.template operator()<DescribeLogDirsRequest>();
  visit.template operator()<SaslAuthenticateRequest>();
  visit.template operator()<CreatePartitionsRequest>();
  visit.template operator()<DeleteGroupsRequest>();
  visit.template operator()<ElectLeadersRequest>();
  visit.template operator()<IncrementalAlterConfigsRequest>();
  visit.template operator()<AlterPartitionReassignmentsRequest>();
  visit.template operator()<ListPartitionReassignmentsRequest>();
  visit.template operator()<OffsetDeleteRequest>();
  visit.template operator()<DescribeClusterRequest>();
  visit.template operator()<DescribeProducersRequest>();
  visit.template operator()<ListTransactionsRequest>();
  visit.template operator()<DescribeTopicPartitionsRequest>();
}

// Calls visit.operator()<Message>() for every request and every response.
template <class Visit>
void for_each_message(Visit&& visit) {
  for_each_request([&]<class Request> {
    visit.template operator()<Request>();
    visit.template operator()<typename Request::Response>();
  });
}

}  // namespace godwit::kafka
