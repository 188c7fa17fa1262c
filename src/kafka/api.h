// The requests of the Kafka protocol that godwit describes, and their versions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "codec/spec.h"

namespace godwit::kafka {

enum class ApiKey : int16_t {
  produce = 0,
  fetch = 1,
  list_offsets = 2,
  metadata = 3,
  offset_commit = 8,
  offset_fetch = 9,
  find_coordinator = 10,
  join_group = 11,
  heartbeat = 12,
  leave_group = 13,
  sync_group = 14,
  describe_groups = 15,
  list_groups = 16,
  sasl_handshake = 17,
  api_versions = 18,
  create_topics = 19,
  delete_topics = 20,
  delete_records = 21,
  init_producer_id = 22,
  offset_for_leader_epoch = 23,
  describe_acls = 29,
  create_acls = 30,
  delete_acls = 31,
  describe_configs = 32,
  alter_configs = 33,
  describe_log_dirs = 35,
  sasl_authenticate = 36,
  create_partitions = 37,
  delete_groups = 42,
  elect_leaders = 43,
  incremental_alter_configs = 44,
  alter_partition_reassignments = 45,
  list_partition_reassignments = 46,
  offset_delete = 47,
  alter_partition = 56,
  describe_cluster = 60,
  describe_producers = 61,
  list_transactions = 66,
  describe_topic_partitions = 75,
  // godwit's own, between brokers and for its command line.
  cluster_poll = 30001,
  broker_report = 30002,
  broker_probe = 30003,
  cluster_command = 30004,
  forward = 30005,
};

struct ApiInfo {
  ApiKey key;
  // As in Kafka, without "Request": "FindCoordinator".
  std::string_view name;
  // What is really parsed: the versions that Kafka 4.3 takes.
  codec::VersionRange accepted;
  // What an ApiVersions response says. Its minimum may be lower than the accepted one, since librdkafka
  // before 2.11 turns features on by asking whether one old version lies inside (KAFKA-18659): with Produce
  // from 3 it would silently not compress, and with SaslHandshake from 1 not authenticate.
  codec::VersionRange advertised;
  // From here on requests have header v2 and responses header v1 (but ApiVersions); kNoVersion: never.
  int16_t flexible_since;
  // Between brokers and for godwit's command line: offered to those alone.
  bool internal = false;

  constexpr bool flexible(int16_t version) const { return version >= flexible_since; }
  // 1, or 2 with tagged fields.
  constexpr int16_t request_header_version(int16_t version) const { return flexible(version) ? 2 : 1; }
  // 0, or 1 with tagged fields. ApiVersions keeps 0, since its client does not know yet what the broker
  // speaks.
  constexpr int16_t response_header_version(int16_t version) const {
    return flexible(version) && key != ApiKey::api_versions ? 1 : 0;
  }
};

// All of them, by ascending key.
std::span<const ApiInfo> all_apis();

// Null where `key`, as it came off the wire, is none of them.
const ApiInfo* find_api(int16_t key);

// `key` must be one of the enumerators.
const ApiInfo& api_info(ApiKey key);
codec::VersionRange accepted_versions(ApiKey key);
codec::VersionRange advertised_versions(ApiKey key);
std::string_view to_string(ApiKey key);

}  // namespace godwit::kafka
