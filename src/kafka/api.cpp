#include "kafka/api.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::kafka {
namespace {

constexpr ApiInfo kApis[] = {
    // key, name, accepted, advertised, flexible since
    {ApiKey::produce, "Produce", {3, 13}, {0, 13}, 9},
    {ApiKey::fetch, "Fetch", {4, 18}, {4, 18}, 12},
    {ApiKey::list_offsets, "ListOffsets", {1, 11}, {1, 11}, 6},
    {ApiKey::metadata, "Metadata", {0, 13}, {0, 13}, 9},
    {ApiKey::offset_commit, "OffsetCommit", {2, 10}, {1, 10}, 8},
    {ApiKey::offset_fetch, "OffsetFetch", {1, 10}, {1, 10}, 6},
    {ApiKey::find_coordinator, "FindCoordinator", {0, 6}, {0, 6}, 3},
    {ApiKey::join_group, "JoinGroup", {0, 9}, {0, 9}, 6},
    {ApiKey::heartbeat, "Heartbeat", {0, 4}, {0, 4}, 4},
    {ApiKey::leave_group, "LeaveGroup", {0, 5}, {0, 5}, 4},
    {ApiKey::sync_group, "SyncGroup", {0, 5}, {0, 5}, 4},
    {ApiKey::describe_groups, "DescribeGroups", {0, 6}, {0, 6}, 5},
    {ApiKey::list_groups, "ListGroups", {0, 5}, {0, 5}, 3},
    {ApiKey::sasl_handshake, "SaslHandshake", {0, 1}, {0, 1}, codec::kNoVersion},
    {ApiKey::api_versions, "ApiVersions", {0, 4}, {0, 4}, 3},
    {ApiKey::create_topics, "CreateTopics", {2, 7}, {2, 7}, 5},
    {ApiKey::delete_topics, "DeleteTopics", {1, 6}, {1, 6}, 4},
    {ApiKey::delete_records, "DeleteRecords", {0, 2}, {0, 2}, 2},
    {ApiKey::init_producer_id, "InitProducerId", {0, 5}, {0, 5}, 2},
    {ApiKey::offset_for_leader_epoch, "OffsetForLeaderEpoch", {2, 4}, {2, 4}, 4},
    {ApiKey::describe_acls, "DescribeAcls", {1, 3}, {1, 3}, 2},
    {ApiKey::create_acls, "CreateAcls", {1, 3}, {1, 3}, 2},
    {ApiKey::delete_acls, "DeleteAcls", {1, 3}, {1, 3}, 2},
    {ApiKey::describe_configs, "DescribeConfigs", {1, 4}, {1, 4}, 4},
    {ApiKey::alter_configs, "AlterConfigs", {0, 2}, {0, 2}, 2},
    {ApiKey::describe_log_dirs, "DescribeLogDirs", {1, 5}, {1, 5}, 2},
    {ApiKey::sasl_authenticate, "SaslAuthenticate", {0, 2}, {0, 2}, 2},
    {ApiKey::create_partitions, "CreatePartitions", {0, 3}, {0, 3}, 2},
    {ApiKey::delete_groups, "DeleteGroups", {0, 2}, {0, 2}, 2},
    {ApiKey::elect_leaders, "ElectLeaders", {0, 2}, {0, 2}, 2},
    {ApiKey::incremental_alter_configs, "IncrementalAlterConfigs", {0, 1}, {0, 1}, 1},
    {ApiKey::alter_partition_reassignments, "AlterPartitionReassignments", {0, 1}, {0, 1}, 0},
    {ApiKey::list_partition_reassignments, "ListPartitionReassignments", {0, 0}, {0, 0}, 0},
    {ApiKey::offset_delete, "OffsetDelete", {0, 0}, {0, 0}, codec::kNoVersion},
    {ApiKey::alter_partition, "AlterPartition", {3, 3}, {3, 3}, 0, true},
    {ApiKey::describe_cluster, "DescribeCluster", {0, 2}, {0, 2}, 0},
    {ApiKey::describe_producers, "DescribeProducers", {0, 0}, {0, 0}, 0},
    {ApiKey::list_transactions, "ListTransactions", {0, 2}, {0, 2}, 0},
    {ApiKey::describe_topic_partitions, "DescribeTopicPartitions", {0, 0}, {0, 0}, 0},
    {ApiKey::cluster_poll, "ClusterPoll", {0, 0}, {0, 0}, 0, true},
    {ApiKey::broker_report, "BrokerReport", {0, 0}, {0, 0}, 0, true},
    {ApiKey::broker_probe, "BrokerProbe", {0, 0}, {0, 0}, 0, true},
    {ApiKey::cluster_command, "ClusterCommand", {0, 0}, {0, 0}, 0, true},
    {ApiKey::forward, "Forward", {0, 0}, {0, 0}, 0, true},
};

constexpr bool advertises_no_more_than_it_takes() {
  return std::ranges::all_of(kApis, [](const ApiInfo& api) {
    return api.advertised.first <= api.accepted.first && api.advertised.last == api.accepted.last;
  });
}
static_assert(std::ranges::is_sorted(kApis, {}, &ApiInfo::key));
static_assert(advertises_no_more_than_it_takes());

}  // namespace

std::span<const ApiInfo> all_apis() {
  return kApis;
}

const ApiInfo* find_api(int16_t key) {
  const auto* at = std::ranges::lower_bound(kApis, static_cast<ApiKey>(key), {}, &ApiInfo::key);
  return at != std::end(kApis) && at->key == static_cast<ApiKey>(key) ? at : nullptr;
}

const ApiInfo& api_info(ApiKey key) {
  const ApiInfo* api = find_api(static_cast<int16_t>(key));
  GW_CHECK(api != nullptr, "every enumerator of ApiKey has a row");
  return *api;
}

codec::VersionRange accepted_versions(ApiKey key) {
  return api_info(key).accepted;
}
codec::VersionRange advertised_versions(ApiKey key) {
  return api_info(key).advertised;
}
std::string_view to_string(ApiKey key) {
  const ApiInfo* api = find_api(static_cast<int16_t>(key));
  return api == nullptr ? "unknown" : api->name;
}

}  // namespace godwit::kafka
