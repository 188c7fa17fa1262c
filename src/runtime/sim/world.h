// A cluster with its clients in one thread on virtual time. The same seed gives the same run, to the byte.
//
//   World world(seed);
//   Node& a = world.add_node("a");
//   a.start([](Runtime& runtime) -> Task<void> { … });
//   world.run_for(2s);
//   a.crash(CrashKind::power_cut);
//   a.restart();
//   a.start(…);
//
// The thread that made the world drives it; everything else happens inside run_*. Time passes only while
// nothing can run, so a test of an hour takes as long as what happens in it. Code of a node must not keep
// state outside its node (a static, an object of the test that a second node also changes): a crash would not
// take it away.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/runtime.h"
#include "runtime/sim/random.h"

namespace godwit::runtime::sim {

class Node;
class SimNetwork;
class SimShard;
struct NodeOptions;

struct WorldOptions {
  // The wall clock at the start, milliseconds since 1970.
  WallTime wall_start{1'700'000'000'000};
  // A run with more events than this in one world is taken for a livelock and stops the process.
  uint64_t steps_max = 100'000'000;
  // The same for events without virtual time passing.
  uint64_t steps_per_instant_max = 1'000'000;
  // What a turn of a shard's loop takes until posted and ready work runs: uniform in [0, this].
  Duration turn_delay_max = std::chrono::microseconds(2);
  // Keeps the trace hash after every event, to find where two runs part.
  bool keep_trace = false;
};

// What happened, as a running 64-bit hash.
class Trace {
 public:
  void add(uint64_t value) { hash_ = mix(hash_ ^ value); }
  void add(std::string_view text) { add(hash_text(text)); }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t hash_ = 0;
};

// Names a scheduled event, so that it can be cancelled.
struct EventId {
  MonotonicTime when{};
  uint64_t tie = 0;
  uint64_t sequence = 0;  // 0: none
  friend auto operator<=>(const EventId&, const EventId&) = default;
};

class World {
 public:
  explicit World(uint64_t seed, WorldOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // A machine with its disk and one process, switched on. Lives as long as the world. Names are unique; a
  // node's name is also its host name.
  Node& add_node(std::string name, NodeOptions options);
  Node& add_node(std::string name);
  // In the order in which they were added.
  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }

  // Each runs events until the condition holds, nothing is left to happen, or virtual time has advanced by
  // `limit`. True when the condition holds. The condition is evaluated between events.
  bool run_until(const std::function<bool()>& condition, Duration limit = std::chrono::hours(1));
  void run_for(Duration duration);
  // True when nothing was left to happen within the limit.
  bool run_until_idle(Duration limit = std::chrono::hours(1));

  // Calls `action` at now + `after`, outside of every node: for what a test does to the world (a fault, a
  // crash, healing).
  EventId after(Duration after, Callback action);

  MonotonicTime now() const { return now_; }
  // Since the world began.
  Duration elapsed() const { return now_.time_since_epoch(); }
  uint64_t seed() const { return seed_; }
  const WorldOptions& options() const { return options_; }
  SimNetwork& network() { return *network_; }
  // For decisions of the test itself.
  SeededRandom& random() { return test_random_; }

  // The same in two runs of a seed, as long as both did the same.
  uint64_t trace_hash() const { return trace_.hash(); }
  uint64_t steps() const { return steps_; }
  // Of those, what comes to processes from outside: packets, ends of disk operations, timers. Not the turns in which they
  // then work: a test that steps in at each moment meets every state in which one waits for something.
  uint64_t moments() const { return moments_; }
  // Timers of that node are no moments: for clients.
  void count_no_moments_of(const Node& node) { uncounted_.push_back(&node); }
  // With WorldOptions::keep_trace: the hash after each event.
  const std::vector<uint64_t>& trace_history() const { return history_; }

  // For the simulator's parts.
  Trace& trace() { return trace_; }
  // `owner` is whom the event belongs to: it runs on that shard, waits while the shard is paused, and goes
  // with it. Null: it belongs to no process (the wire, the device). Events of one shard at one time keep
  // their order; between owners the seed decides.
  EventId schedule(MonotonicTime when, SimShard* owner, uint64_t kind, Callback action);
  void cancel(EventId id, SimShard* owner);
  void drop_events_of(const SimShard& owner);
  Duration turn_delay();
  uint64_t derive_seed(std::string_view purpose) const { return mix(seed_ ^ hash_text(purpose)); }
  uint64_t next_uid() { return ++uids_; }
  uint64_t next_sequence() { return ++sequence_; }
  // The node whose code is on the stack, or null.
  Node* running() const { return running_; }
  void set_running(Node* node) { running_ = node; }
  // Takes the node apart as soon as no code of it is on the stack.
  void take_apart_later(Node& node) { to_take_apart_.push_back(&node); }

 private:
  struct Event {
    SimShard* owner;
    uint64_t kind;
    Callback action;
  };
  void step();
  bool is_moment(const Event& event) const;

  uint64_t seed_;
  WorldOptions options_;
  MonotonicTime now_{};
  SeededRandom scheduler_random_;
  SeededRandom test_random_;
  Trace trace_;
  std::vector<uint64_t> history_;
  uint64_t sequence_ = 0;
  uint64_t uids_ = 0;
  uint64_t steps_ = 0;
  uint64_t moments_ = 0;
  std::vector<const Node*> uncounted_;
  uint64_t steps_at_instant_ = 0;
  Node* running_ = nullptr;
  std::vector<Node*> to_take_apart_;
  std::map<EventId, Event> events_;
  std::unique_ptr<SimNetwork> network_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace godwit::runtime::sim
