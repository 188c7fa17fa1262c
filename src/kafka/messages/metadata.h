// Metadata (key 3): brokers, topics, partitions and their leaders. In v0 an empty list asks for all topics;
// from v1 on null does, and an empty list asks for none. v10 asks by topic id.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct MetadataResponse;

struct MetadataRequest {
  static constexpr ApiKey kApi = ApiKey::metadata;
  static constexpr codec::Format kFormat{.name = "MetadataRequest", .versions = {0, 13}, .flexible_since = 9};
  using Response = MetadataResponse;

  struct Topic {
    TopicId topic_id;
    std::optional<std::string> name = "";

    static void fields(auto& f) {
      f("topic_id", &Topic::topic_id, since(10).ignorable());
      f("name", &Topic::name, always().nullable_since(10));
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  // Null asks for all topics; in v0, which has no null, an empty list does.
  std::optional<std::vector<Topic>> topics{std::in_place};
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  static void fields(auto& f) {
    f("topics", &MetadataRequest::topics, always().nullable_since(1));
    f("allow_auto_topic_creation", &MetadataRequest::allow_auto_topic_creation, since(4));
    f("include_cluster_authorized_operations", &MetadataRequest::include_cluster_authorized_operations,
      versions(8, 10));
    f("include_topic_authorized_operations", &MetadataRequest::include_topic_authorized_operations, since(8));
  }
  friend bool operator==(const MetadataRequest&, const MetadataRequest&) = default;
};

struct MetadataResponse {
  static constexpr ApiKey kApi = ApiKey::metadata;
  static constexpr codec::Format kFormat{
      .name = "MetadataResponse", .versions = {0, 13}, .flexible_since = 9};

  struct Broker {
    BrokerId node_id;
    std::string host;
    int32_t port = 0;
    std::optional<std::string> rack;

    static void fields(auto& f) {
      f("node_id", &Broker::node_id);
      f("host", &Broker::host);
      f("port", &Broker::port);
      f("rack", &Broker::rack, since(1).ignorable());
    }
    friend bool operator==(const Broker&, const Broker&) = default;
  };

  struct Partition {
    ErrorCode error_code = ErrorCode::none;
    PartitionIndex partition_index;
    BrokerId leader_id;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    std::vector<BrokerId> replica_nodes;
    std::vector<BrokerId> isr_nodes;
    std::vector<BrokerId> offline_replicas;

    static void fields(auto& f) {
      f("error_code", &Partition::error_code);
      f("partition_index", &Partition::partition_index);
      f("leader_id", &Partition::leader_id);
      f("leader_epoch", &Partition::leader_epoch, since(7).ignorable());
      f("replica_nodes", &Partition::replica_nodes);
      f("isr_nodes", &Partition::isr_nodes);
      f("offline_replicas", &Partition::offline_replicas, since(5).ignorable());
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> name = "";
    TopicId topic_id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    int32_t topic_authorized_operations = kOperationsNotRequested;

    static void fields(auto& f) {
      f("error_code", &Topic::error_code);
      f("name", &Topic::name, always().nullable_since(12));
      f("topic_id", &Topic::topic_id, since(10).ignorable());
      f("is_internal", &Topic::is_internal, since(1).ignorable());
      f("partitions", &Topic::partitions);
      f("topic_authorized_operations", &Topic::topic_authorized_operations, since(8));
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Broker> brokers;
  std::optional<std::string> cluster_id;
  BrokerId controller_id = kNoBroker;
  std::vector<Topic> topics;
  int32_t cluster_authorized_operations = kOperationsNotRequested;
  ErrorCode error_code = ErrorCode::none;

  static void fields(auto& f) {
    f("throttle_time_ms", &MetadataResponse::throttle_time_ms, since(3).ignorable());
    f("brokers", &MetadataResponse::brokers);
    f("cluster_id", &MetadataResponse::cluster_id, since(2).ignorable());
    f("controller_id", &MetadataResponse::controller_id, since(1).ignorable());
    f("topics", &MetadataResponse::topics);
    f("cluster_authorized_operations", &MetadataResponse::cluster_authorized_operations, versions(8, 10));
    f("error_code", &MetadataResponse::error_code, since(13).ignorable());
  }
  friend bool operator==(const MetadataResponse&, const MetadataResponse&) = default;
};

}  // namespace godwit::kafka
