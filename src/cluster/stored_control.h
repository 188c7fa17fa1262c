// What stands in the coordination store for controllers alone: who joined, tombstones, what was decided
// (docs/formats/coordination.md). Pure.
#pragma once

#include <string>
#include <vector>

#include "cluster/stored.h"

namespace godwit::cluster {

// /joined/<id>: what the controllers know of a broker. Lasts, also while the broker is dead: addresses and orders are there.
struct StoredJoined {
  static constexpr codec::Format kFormat{.name = "StoredJoined", .versions = {0, 0}, .flexible_since = 0};
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
  // What it had lost when it joined, of a topic that was left aside since a key of it was damaged. Counts once the topic is whole.
  struct Doubt {
    TopicId topic;
    bool emptied = false;                    // it came with an empty or another disk
    std::vector<PartitionIndex> partitions;  // of which it could not prove what it had
    static void fields(auto& f) {
      f("topic", &Doubt::topic);
      f("emptied", &Doubt::emptied);
      f("partitions", &Doubt::partitions);
    }
    friend bool operator==(const Doubt&, const Doubt&) = default;
  };
  int64_t incarnation = 0;  // that joined and was not declared dead since; 0: none
  bool draining = false;    // ordered: it gives up its replicas
  bool removing = false;    // ordered: it is dead for good, and is forgotten once it has no replicas
  bool emptied =
      false;  // it came with an empty or another disk when it joined (which partitions miss it: StoredPartition)
  std::string rack;
  std::vector<Listener> listeners;
  // The levels at which its build works.
  int16_t features_first = kFirstLevel;
  int16_t features_last = kFirstLevel;
  // Of the data directory with which it joined last; zero: it did not say so.
  Uuid storage_id;
  std::vector<Doubt> doubts;
  // When it failed within the last hour, in milliseconds since 1970: a broker that fails often gets its leadership back later.
  std::vector<int64_t> failures_ms;
  static void fields(auto& f) {
    f("incarnation", &StoredJoined::incarnation);
    f("draining", &StoredJoined::draining);
    f("removing", &StoredJoined::removing);
    f("emptied", &StoredJoined::emptied);
    f("rack", &StoredJoined::rack);
    f("listeners", &StoredJoined::listeners);
    f("features_first", &StoredJoined::features_first, codec::always().tagged(0));
    f("features_last", &StoredJoined::features_last, codec::always().tagged(1));
    f("storage_id", &StoredJoined::storage_id, codec::always().tagged(2));
    f("doubts", &StoredJoined::doubts, codec::always().tagged(3));
    f("failures_ms", &StoredJoined::failures_ms, codec::always().tagged(4));
  }
  friend bool operator==(const StoredJoined&, const StoredJoined&) = default;
};

// /tombstones/<topic id>
struct StoredTombstone {
  static constexpr codec::Format kFormat{.name = "StoredTombstone", .versions = {0, 0}, .flexible_since = 0};
  std::string name;
  std::vector<BrokerId> replicas;  // brokers that may have a log of the topic
  static void fields(auto& f) {
    f("name", &StoredTombstone::name);
    f("replicas", &StoredTombstone::replicas);
  }
  friend bool operator==(const StoredTombstone&, const StoredTombstone&) = default;
};

// /events/<number of the first>: what was decided in one pass, or a part of it: events that are kept and forgotten together.
struct StoredEvents {
  static constexpr codec::Format kFormat{.name = "StoredEvents", .versions = {0, 0}, .flexible_since = 0};
  struct Event {
    int64_t time_ms = 0;
    std::string what;
    std::string detail;
    int8_t severity = 0;  // 1: warning, 2: error; 0: neither, or of a build that did not say it
    static void fields(auto& f) {
      f("time_ms", &Event::time_ms);
      f("what", &Event::what);
      f("detail", &Event::detail);
      f("severity", &Event::severity, codec::always().tagged(0));
    }
    friend bool operator==(const Event&, const Event&) = default;
  };
  BrokerId controller = kNoBroker;
  std::vector<Event> events;
  static void fields(auto& f) {
    f("controller", &StoredEvents::controller);
    f("events", &StoredEvents::events);
  }
  friend bool operator==(const StoredEvents&, const StoredEvents&) = default;
};

namespace keys {

constexpr std::string_view kJoined = "/joined/";
constexpr std::string_view kEvents = "/events/";
// A condition of every write of a controller besides the fence: raised when the outcome of one is unknown, so that it can not
// take effect after it was repeated.
constexpr std::string_view kGuard = "/guard";

std::string joined(BrokerId id);
std::string events(int64_t first);  // twenty digits: in the order of their numbers

}  // namespace keys

}  // namespace godwit::cluster
