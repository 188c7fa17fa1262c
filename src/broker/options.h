// What a broker is told at start. app fills it from the configuration.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "broker/throttle_rates.h"
#include "cluster/image.h"
#include "coordination/engine_member.h"
#include "groups/options.h"
#include "model/broker_id.h"
#include "runtime/stream.h"
#include "runtime/task.h"
#include "storage/store.h"

namespace godwit::broker {

// Where clients connect, and what they are told to connect to.
struct ListenerOptions {
  std::string name = "PLAINTEXT";
  runtime::Endpoint bind{"", 9092};
  // Empty with one broker: each client is told the address that it dialled.
  std::optional<runtime::Endpoint> advertised;
};

// A setting as it holds since the start, for tools that ask (DescribeConfigs).
struct StartSetting {
  std::string name;
  std::string value;
  std::string fallback;
  int8_t type = 2;     // the protocol's number
  bool given = false;  // by a person
  std::string documentation;
};

struct BrokerOptions {
  BrokerId id{1};
  std::string cluster_id;  // empty: the store's, or a new random one
  std::string rack;
  // The levels of the cluster's own formats and messages at which this build works.
  cluster::FeatureRange features = cluster::kFeatures;
  std::vector<ListenerOptions> listeners{ListenerOptions{}};
  // HOST:PORT of the HTTP port, for the answer to somebody who speaks HTTP to the Kafka port; may be empty.
  std::string http_address;
  storage::StoreOptions store;
  groups::GroupOptions groups;

  size_t connections_max = 100'000;
  size_t request_bytes_max = 100 << 20;
  // Of all requests that were read and not yet answered, over all shards.
  size_t request_memory = 256 << 20;
  // Of all Fetch responses that were made and not yet sent, over all shards.
  size_t response_memory = 256 << 20;
  // Requests of one connection that may be under way.
  size_t requests_in_flight_max = 64;
  Duration idle_timeout = std::chrono::minutes(10);
  // A peer that takes nothing of an answer for so long is cut off.
  Duration send_timeout = std::chrono::seconds(60);
  // How long stop() waits for requests under way.
  Duration shutdown_timeout = std::chrono::seconds(10);

  // Whether others may belong to the cluster: each listener then has an advertised address.
  bool clustered = false;
  // The listener whose addresses brokers use among themselves.
  std::string inter_broker_listener = "PLAINTEXT";
  // Of the lease by which a broker that hangs is noticed.
  Duration session_timeout = std::chrono::seconds(3);
  // A follower that had not all that the leader had for so long is taken out of the ISR.
  Duration replica_lag_max = std::chrono::seconds(3);
  // How long leadership stays away from a broker that is back.
  Duration preferred_leader_after = std::chrono::seconds(10);
  // How fast replicas are copied, where nothing else was set since.
  ThrottleRates throttle;
  // How long a partition remembers a producer of which it hears nothing.
  Duration producer_expiration = std::chrono::hours(24);
  // Of the data directory.
  Uuid storage_id;
  bool was_member = false;
  // Tells the servers of the coordination engine that brokers run themselves, for people; not given: this broker runs none. Called
  // on shard 0.
  std::function<runtime::Task<std::vector<coordination::EngineMember>>()> engine_members;

  bool auto_create_topics = true;
  int32_t default_partitions = 1;
  int16_t default_replication_factor = -1;  // -1: cluster::kUsualReplicas
  int32_t offsets_topic_partitions = 50;
  int32_t partitions_max = 200'000;  // of the whole broker
  size_t fetch_bytes_max = 55 << 20;
  size_t fetch_sessions_max = 1000;  // on each shard
  // Topic settings that hold where a topic sets none, under the topic settings' names.
  cluster::ConfigMap topic_defaults;
  // The other settings, by name, without secrets. Told, not obeyed: what is obeyed stands above.
  std::vector<StartSetting> start_settings;
};

}  // namespace godwit::broker
