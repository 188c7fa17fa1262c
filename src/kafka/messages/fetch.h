// Fetch (key 1): reads record batches of partitions, waiting up to max_wait_ms for min_bytes. Consumers and
// followers send it. v7 brings sessions (KIP-227); v9 leader epochs; v11 racks (KIP-392); v12 truncation by
// epoch (KIP-595); v13 topic ids; v15 the follower's state as a tagged field (KIP-903); v16 endpoints of new
// leaders (KIP-951); v18 the follower's high watermark (KIP-1166).
#pragma once

#include "kafka/message.h"
#include "kafka/messages/current_leader.h"

namespace godwit::kafka {

struct FetchResponse;

struct FetchRequest {
  static constexpr ApiKey kApi = ApiKey::fetch;
  static constexpr codec::Format kFormat{.name = "FetchRequest", .versions = {4, 18}, .flexible_since = 12};
  using Response = FetchResponse;

  struct ReplicaState {
    BrokerId replica_id = kNoBroker;
    int64_t replica_epoch = -1;

    static void fields(auto& f) {
      f("replica_id", &ReplicaState::replica_id);
      f("replica_epoch", &ReplicaState::replica_epoch);
    }
    friend bool operator==(const ReplicaState&, const ReplicaState&) = default;
  };

  struct Partition {
    PartitionIndex partition;
    LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
    Offset fetch_offset;
    LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;
    Offset log_start_offset{-1};
    int32_t partition_max_bytes = 0;
    Uuid replica_directory_id;
    Offset high_watermark{9223372036854775807};

    static void fields(auto& f) {
      f("partition", &Partition::partition);
      f("current_leader_epoch", &Partition::current_leader_epoch, since(9).ignorable());
      f("fetch_offset", &Partition::fetch_offset);
      f("last_fetched_epoch", &Partition::last_fetched_epoch, since(12));
      f("log_start_offset", &Partition::log_start_offset, since(5).ignorable());
      f("partition_max_bytes", &Partition::partition_max_bytes);
      f("replica_directory_id", &Partition::replica_directory_id, since(17).tagged(0).ignorable());
      f("high_watermark", &Partition::high_watermark, since(18).tagged(1).ignorable());
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string topic;
    TopicId topic_id;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("topic", &Topic::topic, versions(0, 12).ignorable());
      f("topic_id", &Topic::topic_id, since(13).ignorable());
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  struct ForgottenTopic {
    std::string topic;
    TopicId topic_id;
    std::vector<PartitionIndex> partitions;

    static void fields(auto& f) {
      f("topic", &ForgottenTopic::topic, versions(0, 12).ignorable());
      f("topic_id", &ForgottenTopic::topic_id, since(13).ignorable());
      f("partitions", &ForgottenTopic::partitions);
    }
    friend bool operator==(const ForgottenTopic&, const ForgottenTopic&) = default;
  };

  std::optional<std::string> cluster_id;
  // A follower; consumers leave -1. From v15 on in replica_state.
  BrokerId replica_id = kNoBroker;
  ReplicaState replica_state;
  int32_t max_wait_ms = 0;
  int32_t min_bytes = 0;
  // Of the whole response; the first batch is sent even where it is larger.
  int32_t max_bytes = 0x7fffffff;
  // 0: read uncommitted, 1: read committed.
  int8_t isolation_level = 0;
  // 0: no session yet.
  int32_t session_id = 0;
  // -1: no session (or close it), 0: open one, else the next number of the session.
  int32_t session_epoch = -1;
  std::vector<Topic> topics;
  std::vector<ForgottenTopic> forgotten_topics_data;
  std::string rack_id;

  static void fields(auto& f) {
    f("cluster_id", &FetchRequest::cluster_id, since(12).tagged(0).ignorable());
    f("replica_id", &FetchRequest::replica_id, versions(0, 14));
    f("replica_state", &FetchRequest::replica_state, since(15).tagged(1));
    f("max_wait_ms", &FetchRequest::max_wait_ms);
    f("min_bytes", &FetchRequest::min_bytes);
    f("max_bytes", &FetchRequest::max_bytes);
    f("isolation_level", &FetchRequest::isolation_level);
    f("session_id", &FetchRequest::session_id, since(7).ignorable());
    f("session_epoch", &FetchRequest::session_epoch, since(7).ignorable());
    f("topics", &FetchRequest::topics);
    f("forgotten_topics_data", &FetchRequest::forgotten_topics_data, since(7));
    f("rack_id", &FetchRequest::rack_id, since(11).ignorable());
  }
  friend bool operator==(const FetchRequest&, const FetchRequest&) = default;
};

struct FetchResponse {
  static constexpr ApiKey kApi = ApiKey::fetch;
  static constexpr codec::Format kFormat{.name = "FetchResponse", .versions = {4, 18}, .flexible_since = 12};

  struct DivergingEpoch {
    LeaderEpoch epoch = kNoLeaderEpoch;
    Offset end_offset{-1};

    static void fields(auto& f) {
      f("epoch", &DivergingEpoch::epoch);
      f("end_offset", &DivergingEpoch::end_offset);
    }
    friend bool operator==(const DivergingEpoch&, const DivergingEpoch&) = default;
  };

  struct SnapshotId {
    Offset end_offset{-1};
    LeaderEpoch epoch = kNoLeaderEpoch;

    static void fields(auto& f) {
      f("end_offset", &SnapshotId::end_offset);
      f("epoch", &SnapshotId::epoch);
    }
    friend bool operator==(const SnapshotId&, const SnapshotId&) = default;
  };

  struct AbortedTransaction {
    int64_t producer_id = 0;
    Offset first_offset;

    static void fields(auto& f) {
      f("producer_id", &AbortedTransaction::producer_id);
      f("first_offset", &AbortedTransaction::first_offset);
    }
    friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
  };

  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::none;
    Offset high_watermark;
    Offset last_stable_offset{-1};
    Offset log_start_offset{-1};
    // Set where the fetcher's last epoch ended elsewhere in the leader's log: cut there, then fetch again.
    DivergingEpoch diverging_epoch;
    CurrentLeader current_leader;
    SnapshotId snapshot_id;
    // Null unless read committed was asked for.
    std::optional<std::vector<AbortedTransaction>> aborted_transactions{std::in_place};
    BrokerId preferred_read_replica = kNoBroker;
    // Empty, not null, where there is nothing: clients expect it so.
    std::optional<Chain> records = Chain{};

    static void fields(auto& f) {
      f("partition_index", &Partition::partition_index);
      f("error_code", &Partition::error_code);
      f("high_watermark", &Partition::high_watermark);
      f("last_stable_offset", &Partition::last_stable_offset);
      f("log_start_offset", &Partition::log_start_offset, since(5).ignorable());
      f("diverging_epoch", &Partition::diverging_epoch, since(12).tagged(0));
      f("current_leader", &Partition::current_leader, since(12).tagged(1).ignorable());
      f("snapshot_id", &Partition::snapshot_id, since(12).tagged(2));
      f("aborted_transactions", &Partition::aborted_transactions);
      f("preferred_read_replica", &Partition::preferred_read_replica, since(11));
      f("records", &Partition::records);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string topic;
    TopicId topic_id;
    std::vector<Partition> partitions;

    static void fields(auto& f) {
      f("topic", &Topic::topic, versions(0, 12).ignorable());
      f("topic_id", &Topic::topic_id, since(13).ignorable());
      f("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  int32_t session_id = 0;
  std::vector<Topic> responses;
  std::vector<NodeEndpoint> node_endpoints;

  static void fields(auto& f) {
    f("throttle_time_ms", &FetchResponse::throttle_time_ms);
    f("error_code", &FetchResponse::error_code, since(7).ignorable());
    f("session_id", &FetchResponse::session_id, since(7));
    f("responses", &FetchResponse::responses);
    f("node_endpoints", &FetchResponse::node_endpoints, since(16).tagged(0).ignorable());
  }
  friend bool operator==(const FetchResponse&, const FetchResponse&) = default;
};

}  // namespace godwit::kafka
