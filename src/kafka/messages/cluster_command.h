// ClusterCommand (godwit's own, key 30004): what an operator wants of the cluster (`godwit cluster …`). Any broker takes it
// and hands it to the controller.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct ClusterCommandResponse;

struct ClusterCommandRequest {
  static constexpr ApiKey kApi = ApiKey::cluster_command;
  static constexpr codec::Format kFormat{
      .name = "ClusterCommandRequest", .versions = {0, 0}, .flexible_since = 0};
  using Response = ClusterCommandResponse;

  static constexpr std::string_view kMembers = "members";

  // "status", "events", "drain", "resume", "remove", "rebalance", "throttle", "upgrade"; "members", which the broker that is asked answers for itself.
  std::string verb;
  BrokerId broker_id = kNoBroker;  // drain, resume, remove
  bool dry_run = false;            // rebalance, upgrade
  // events: at most so many; throttle: bytes a second, 0 for no bound, -1 as each broker is configured; upgrade: the level, 0 for
  // the highest that all brokers take.
  int64_t number = 0;

  static void fields(auto& f) {
    f("verb", &ClusterCommandRequest::verb);
    f("broker_id", &ClusterCommandRequest::broker_id);
    f("dry_run", &ClusterCommandRequest::dry_run);
    f("number", &ClusterCommandRequest::number);
  }
  friend bool operator==(const ClusterCommandRequest&, const ClusterCommandRequest&) = default;
};

struct ClusterCommandResponse {
  static constexpr ApiKey kApi = ApiKey::cluster_command;
  static constexpr codec::Format kFormat{
      .name = "ClusterCommandResponse", .versions = {0, 0}, .flexible_since = 0};

  struct Broker {
    BrokerId id = kNoBroker;
    std::string
        state;  // "live", "joining", "silent", "draining", "drained", "dead", "removing" (dead for good, as ordered)
    int64_t incarnation = -1;
    std::string rack;
    std::string address;
    int32_t leads = 0;
    int32_t replicas = 0;
    int32_t out_of_sync = 0;  // replicas there that are not in their ISR
    bool can_append = true;
    // The levels at which its build works.
    int16_t features_first = 1;
    int16_t features_last = 1;

    static void fields(auto& f) {
      f("id", &Broker::id);
      f("state", &Broker::state);
      f("incarnation", &Broker::incarnation);
      f("rack", &Broker::rack);
      f("address", &Broker::address);
      f("leads", &Broker::leads);
      f("replicas", &Broker::replicas);
      f("out_of_sync", &Broker::out_of_sync);
      f("can_append", &Broker::can_append);
      f("features_first", &Broker::features_first, always().tagged(0));
      f("features_last", &Broker::features_last, always().tagged(1));
    }
    friend bool operator==(const Broker&, const Broker&) = default;
  };

  // What the controller decided.
  struct Event {
    int64_t sequence = 0;
    int64_t time_ms = 0;
    BrokerId controller = kNoBroker;
    std::string what;    // "broker.dead", "leaders.moved", "isr.shrunk", …
    std::string detail;  // why, from which state to which

    static void fields(auto& f) {
      f("sequence", &Event::sequence);
      f("time_ms", &Event::time_ms);
      f("controller", &Event::controller);
      f("what", &Event::what);
      f("detail", &Event::detail);
    }
    friend bool operator==(const Event&, const Event&) = default;
  };

  // A partition that rebalance moves, or would; with "status", one whose move is planned and has not begun.
  struct Move {
    std::string topic;
    PartitionIndex partition;
    std::vector<BrokerId> from;
    std::vector<BrokerId> to;

    static void fields(auto& f) {
      f("topic", &Move::topic);
      f("partition", &Move::partition);
      f("from", &Move::from);
      f("to", &Move::to);
    }
    friend bool operator==(const Move&, const Move&) = default;
  };

  // With "status": replicas that a broker which is drained or removed cannot give up now.
  struct Wait {
    static constexpr std::string_view kBroker = "broker";  // another broker that may take them
    static constexpr std::string_view kLeader = "leader";  // one from which they could be copied
    static constexpr std::string_view kTarget =
        "target";  // who was to take them is dead, and there is nobody else
    BrokerId broker = kNoBroker;
    std::string needs;
    int32_t partitions = 0;
    std::vector<std::string> named;  // "orders-0"; not all of them where they are many

    static void fields(auto& f) {
      f("broker", &Wait::broker);
      f("needs", &Wait::needs);
      f("partitions", &Wait::partitions);
      f("named", &Wait::named);
    }
    friend bool operator==(const Wait&, const Wait&) = default;
  };

  // With "members": an etcd member that a broker runs, as the broker that was asked sees it.
  struct Member {
    BrokerId broker = kNoBroker;
    std::string name;
    std::string peer;
    // "leader" and "follower" are well; "leaderless", "faulty", "unreachable" are not.
    std::string state;
    std::string fault;            // may be empty
    int64_t lag = -1;             // entries behind the most advanced member; -1: it does not say
    int64_t database_bytes = -1;  // the same

    bool well() const { return state == "leader" || state == "follower"; }
    static void fields(auto& f) {
      f("broker", &Member::broker);
      f("name", &Member::name);
      f("peer", &Member::peer);
      f("state", &Member::state);
      f("fault", &Member::fault);
      f("lag", &Member::lag);
      f("database_bytes", &Member::database_bytes);
    }
    friend bool operator==(const Member&, const Member&) = default;
  };

  ErrorCode error_code = ErrorCode::none;
  std::string message;
  BrokerId controller = kNoBroker;
  int64_t fence = -1;
  int32_t partitions = 0;
  int32_t without_leader = 0;
  int32_t under_replicated = 0;
  int32_t under_min_isr = 0;
  int32_t moving = 0;  // partitions with a reassignment under way
  std::vector<Broker> brokers;
  std::vector<Event> events;
  std::vector<Move> moves;
  // At which the cluster works, and the highest that all its brokers take. With status and upgrade.
  int16_t feature_level = 1;
  int16_t feature_level_max = 1;
  // With status: topics that nobody serves, since a key that describes them is damaged; by name, or id where no name is known.
  // None of their partitions is counted above.
  std::vector<std::string> aside;
  std::vector<Wait> waits;
  std::vector<Member> members;  // none where that broker runs none

  static void fields(auto& f) {
    f("error_code", &ClusterCommandResponse::error_code);
    f("message", &ClusterCommandResponse::message);
    f("controller", &ClusterCommandResponse::controller);
    f("fence", &ClusterCommandResponse::fence);
    f("partitions", &ClusterCommandResponse::partitions);
    f("without_leader", &ClusterCommandResponse::without_leader);
    f("under_replicated", &ClusterCommandResponse::under_replicated);
    f("under_min_isr", &ClusterCommandResponse::under_min_isr);
    f("moving", &ClusterCommandResponse::moving);
    f("brokers", &ClusterCommandResponse::brokers);
    f("events", &ClusterCommandResponse::events);
    f("moves", &ClusterCommandResponse::moves);
    f("feature_level", &ClusterCommandResponse::feature_level, always().tagged(0));
    f("feature_level_max", &ClusterCommandResponse::feature_level_max, always().tagged(1));
    f("aside", &ClusterCommandResponse::aside, always().tagged(2));
    f("waits", &ClusterCommandResponse::waits, always().tagged(3));
    f("members", &ClusterCommandResponse::members, always().tagged(4));
  }
  friend bool operator==(const ClusterCommandResponse&, const ClusterCommandResponse&) = default;
};

}  // namespace godwit::kafka
