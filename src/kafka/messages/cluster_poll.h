// ClusterPoll (godwit's own, key 30001): a broker asks the controller for what changed in the cluster since the state that
// it has; answered when something did, or after max_wait_ms. This is how the controller pushes versioned changes
// (design-cluster rule 4); a broker that missed too many gets everything.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct ClusterPollResponse;

struct ClusterPollRequest {
  static constexpr ApiKey kApi = ApiKey::cluster_poll;
  static constexpr codec::Format kFormat{
      .name = "ClusterPollRequest", .versions = {0, 0}, .flexible_since = 0};
  using Response = ClusterPollResponse;

  std::string cluster_id;
  BrokerId broker_id = kNoBroker;
  int64_t incarnation = -1;
  // The state that this broker serves by now: also the acknowledgement of it. -1: none.
  int64_t fence = -1;
  int64_t sequence = -1;
  // -1: who is asked need not be the controller, and tells at once what it knows that is newer (else not_controller).
  int32_t max_wait_ms = 0;
  // It has not been able to read the tombstones since a topic went: they are to stay.
  bool undecided = false;
  // A newer state that this broker knows and does not serve on all its partitions yet: what changed since that one is asked for.
  // -1: it serves what it knows. Whoever does not know the two fields answers from the state above.
  int64_t known_fence = -1;
  int64_t known_sequence = -1;

  static void fields(auto& f) {
    f("cluster_id", &ClusterPollRequest::cluster_id);
    f("broker_id", &ClusterPollRequest::broker_id);
    f("incarnation", &ClusterPollRequest::incarnation);
    f("fence", &ClusterPollRequest::fence);
    f("sequence", &ClusterPollRequest::sequence);
    f("max_wait_ms", &ClusterPollRequest::max_wait_ms);
    f("undecided", &ClusterPollRequest::undecided, always().tagged(0));
    f("known_fence", &ClusterPollRequest::known_fence, always().tagged(1));
    f("known_sequence", &ClusterPollRequest::known_sequence, always().tagged(2));
  }
  friend bool operator==(const ClusterPollRequest&, const ClusterPollRequest&) = default;
};

struct ClusterPollResponse {
  static constexpr ApiKey kApi = ApiKey::cluster_poll;
  static constexpr codec::Format kFormat{
      .name = "ClusterPollResponse", .versions = {0, 0}, .flexible_since = 0};

  struct Setting {
    std::string name;
    std::string value;

    static void fields(auto& f) {
      f("name", &Setting::name);
      f("value", &Setting::value);
    }
    friend bool operator==(const Setting&, const Setting&) = default;
  };

  struct Listener {
    std::string name;
    std::string host;
    int32_t port = 0;

    static void fields(auto& f) {
      f("name", &Listener::name);
      f("host", &Listener::host);
      f("port", &Listener::port);
    }
    friend bool operator==(const Listener&, const Listener&) = default;
  };

  struct Broker {
    BrokerId id = kNoBroker;
    int64_t incarnation = -1;
    std::string rack;
    std::vector<Listener> listeners;
    bool draining = false;
    // The levels at which its build works.
    int16_t features_first = 1;
    int16_t features_last = 1;

    static void fields(auto& f) {
      f("id", &Broker::id);
      f("incarnation", &Broker::incarnation);
      f("rack", &Broker::rack);
      f("listeners", &Broker::listeners);
      f("draining", &Broker::draining);
      f("features_first", &Broker::features_first, always().tagged(0));
      f("features_last", &Broker::features_last, always().tagged(1));
    }
    friend bool operator==(const Broker&, const Broker&) = default;
  };

  struct Topic {
    TopicId id;
    std::string name;
    int32_t partitions = 0;
    std::vector<Setting> settings;

    static void fields(auto& f) {
      f("id", &Topic::id);
      f("name", &Topic::name);
      f("partitions", &Topic::partitions);
      f("settings", &Topic::settings);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  struct Partition {
    PartitionIndex index;
    int64_t version = 0;
    BrokerId leader = kNoBroker;
    int64_t leader_incarnation = 0;
    LeaderEpoch leader_epoch;
    std::vector<BrokerId> replicas;
    std::vector<BrokerId> adding;
    std::vector<BrokerId> removing;
    std::vector<BrokerId> isr;
    LeaderEpoch unclean_epoch = kNoLeaderEpoch;
    std::vector<LeaderEpoch> recent_epochs;

    static void fields(auto& f) {
      f("index", &Partition::index);
      f("version", &Partition::version);
      f("leader", &Partition::leader);
      f("leader_incarnation", &Partition::leader_incarnation);
      f("leader_epoch", &Partition::leader_epoch);
      f("replicas", &Partition::replicas);
      f("adding", &Partition::adding);
      f("removing", &Partition::removing);
      f("isr", &Partition::isr);
      f("unclean_epoch", &Partition::unclean_epoch);
      f("recent_epochs", &Partition::recent_epochs, always().tagged(0));
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Partitions {
    TopicId topic;
    std::vector<Partition> changed;

    static void fields(auto& f) {
      f("topic", &Partitions::topic);
      f("changed", &Partitions::changed);
    }
    friend bool operator==(const Partitions&, const Partitions&) = default;
  };

  struct Settings {
    BrokerId broker = kNoBroker;  // kNoBroker: of all brokers
    std::vector<Setting> settings;

    static void fields(auto& f) {
      f("broker", &Settings::broker);
      f("settings", &Settings::settings);
    }
    friend bool operator==(const Settings&, const Settings&) = default;
  };

  // none; not_controller (ask again where the office is now); inconsistent_cluster_id; stale_broker_epoch (this incarnation
  // was declared dead, or another one has taken its place: join again).
  ErrorCode error_code = ErrorCode::none;
  BrokerId controller = kNoBroker;
  int64_t fence = -1;
  int64_t sequence = -1;
  // What follows is everything: what is not named does not exist. Otherwise what changed since the state asked with.
  bool full = false;
  std::string cluster_id;
  std::vector<Broker> brokers;
  std::vector<BrokerId> brokers_gone;
  std::vector<Topic> topics;
  std::vector<TopicId> topics_gone;
  std::vector<Partitions> partitions;
  std::vector<Settings> broker_settings;
  int16_t feature_level = 1;  // at which the cluster works
  bool since_known =
      false;  // what changed is told since the state that the asker knows, not since what it serves

  static void fields(auto& f) {
    f("error_code", &ClusterPollResponse::error_code);
    f("controller", &ClusterPollResponse::controller);
    f("fence", &ClusterPollResponse::fence);
    f("sequence", &ClusterPollResponse::sequence);
    f("full", &ClusterPollResponse::full);
    f("cluster_id", &ClusterPollResponse::cluster_id);
    f("brokers", &ClusterPollResponse::brokers);
    f("brokers_gone", &ClusterPollResponse::brokers_gone);
    f("topics", &ClusterPollResponse::topics);
    f("topics_gone", &ClusterPollResponse::topics_gone);
    f("partitions", &ClusterPollResponse::partitions);
    f("broker_settings", &ClusterPollResponse::broker_settings);
    f("feature_level", &ClusterPollResponse::feature_level, always().tagged(0));
    f("since_known", &ClusterPollResponse::since_known, always().tagged(1));
  }
  friend bool operator==(const ClusterPollResponse&, const ClusterPollResponse&) = default;
};

}  // namespace godwit::kafka
