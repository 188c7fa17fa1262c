// What a command line asks for, one struct a command. command_line.h fills them, the commands carry them out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "godwit/client.h"
#include "runtime/stream.h"

namespace godwit::cli {

using Settings = std::vector<std::pair<std::string, std::string>>;

struct TopicCreate {
  std::string name;
  int32_t partitions = -1;          // -1: as the broker is configured
  int16_t replication_factor = -1;  // the same
  Settings config;
  bool if_not_exists = false;
};
struct TopicList {
  bool internal = false;
};
struct TopicDescribe {
  std::vector<std::string> names;  // none: all
};
struct TopicDelete {
  std::vector<std::string> names;
  bool if_exists = false;
};
struct TopicAlter {
  std::string name;
  std::optional<int32_t> partitions;
  Settings config;
  std::vector<std::string> delete_config;
};

struct GroupList {};
struct GroupDescribe {
  std::vector<std::string> names;
};
struct GroupDelete {
  std::vector<std::string> names;
};
struct GroupReset {
  enum class To { earliest, latest, offset, time, before_now, shift };
  std::string group;
  To to = To::earliest;
  // offset: the offset; time: ms since 1970; shift: records, may be below 0.
  int64_t value = 0;
  Duration before_now{};
  // A topic, and its partitions (none: all). None at all: every partition that the group has committed.
  std::vector<std::pair<std::string, std::vector<int32_t>>> topics;
  bool execute = false;
};

struct ClusterInfo {};
struct ClusterConfig {
  std::optional<int32_t> broker;  // none: the default of all brokers
  Settings set;
  std::vector<std::string> remove;
};
struct TopicConfig {
  std::string name;
  bool all = false;
};
// Moves partitions to other brokers, gives that up, or (with neither) tells how far it is.
struct TopicReassign {
  std::string name;                 // empty: every topic's moves are told
  std::vector<int32_t> partitions;  // none: all of the topic (telling and cancelling), which replicas forbids
  std::vector<int32_t> replicas;    // the first is the preferred leader
  bool cancel = false;
  std::optional<int64_t> throttle;  // as ClusterThrottle, before it begins
};
struct TopicElect {
  std::string name;
  std::vector<int32_t> partitions;  // none: all of the topic
  // Takes a replica that is not in sync where no other lives: what it does not have is lost.
  bool unclean = false;
};

struct ClusterStatus {
  bool check = false;  // ends with 1 where a partition lacks a leader or a replica, or a topic is left aside
};
struct ClusterEvents {
  int64_t count = 100;
};
struct ClusterOrder {
  enum class What { drain, resume, remove };
  What what = What::drain;
  int32_t broker = -1;
  bool wait = false;  // drain: until nothing is left there
  std::optional<int64_t> throttle;
};
struct ClusterRebalance {
  bool dry_run = false;
  bool wait = false;  // until nothing moves any more
  std::optional<int64_t> throttle;
};
struct ClusterUpgrade {
  int16_t level = 0;  // 0: the highest that all brokers take
  bool dry_run = false;
};
struct ClusterThrottle {
  int64_t bytes_per_second = 0;  // 0: no bound; -1: as the brokers are configured
};

struct Produce {
  std::string topic;
  std::optional<std::string> key_separator;
  std::vector<client::Header> headers;
  client::Compression compression = client::Compression::none;
  client::Acks acks = client::Acks::all;
  std::optional<int32_t> partition;
};
struct Consume {
  std::string topic;
  // None: the end (with exit_at_end the beginning), or where the group committed.
  std::optional<client::Start> from;
  std::string group;
  std::optional<int32_t> partition;
  std::optional<uint64_t> count;
  std::string format = "%v\\n";
  bool exit_at_end = false;
};

struct BenchProduce {
  std::string topic;
  uint64_t records = 1'000'000;
  size_t size = 1024;
  client::Compression compression = client::Compression::none;
  client::Acks acks = client::Acks::all;
  // Waits for each acknowledgement before the next record.
  bool one_by_one = false;
  Duration linger = std::chrono::milliseconds(5);
};
struct BenchConsume {
  std::string topic;
  uint64_t records = 1'000'000;
};

using Command =
    std::variant<TopicCreate, TopicList, TopicDescribe, TopicDelete, TopicAlter, TopicConfig, TopicReassign,
                 TopicElect, GroupList, GroupDescribe, GroupDelete, GroupReset, ClusterInfo, ClusterConfig,
                 ClusterStatus, ClusterEvents, ClusterOrder, ClusterRebalance, ClusterThrottle,
                 ClusterUpgrade, Produce, Consume, BenchProduce, BenchConsume>;

struct Ask {
  std::vector<runtime::Endpoint> brokers;
  bool json = false;
  Duration timeout = std::chrono::seconds(30);
  Command command;
};

}  // namespace godwit::cli
