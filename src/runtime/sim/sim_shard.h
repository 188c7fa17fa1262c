// A shard of a simulated node: an inbox, and timers that are events of the world.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <unordered_map>

#include "runtime/sim/world.h"

namespace godwit::runtime::sim {

class SimShard final : public Shard {
 public:
  SimShard(World& world, Node& node, std::string name, uint64_t seed, bool blocking_files);
  ~SimShard() override;

  MonotonicTime now() const override { return world_.now(); }
  WallTime wall_now() const override;
  Random& random() override { return random_; }
  void post(Callback callback) override;

  // For the simulator's parts.
  Node& node() { return node_; }
  uint64_t uid() const { return uid_; }
  bool blocking_files() const { return blocking_files_; }
  // Runs an event of this shard now, or keeps it until the shard runs again. Called with no code of a node on
  // the stack.
  void deliver(uint64_t sequence, Callback action);
  void deliver(Callback action);
  // A blocked shard runs nothing but what unblocks it (a file operation done in place).
  void block() { ++blocking_operations_; }
  // Unblocks, runs `action`, then what was kept meanwhile.
  void unblock(Callback action);
  // Runs what was kept while the node was paused.
  void catch_up();
  void forget(uint64_t sequence) { kept_.erase(sequence); }
  // Destroys frames, or everything that waits to run; the shard runs nothing afterwards.
  void destroy_frames() { destroy_spawned(); }
  void destroy_pending();
  // Runs `action` as this shard.
  void enter(Callback& action);

 protected:
  void request_run_ready() override { request_turn(); }
  void timer_start(Timer& timer, MonotonicTime when) override;
  void timer_stop(Timer& timer) override;

 private:
  void request_turn();
  void turn();
  bool can_run() const;

  World& world_;
  Node& node_;
  uint64_t uid_;
  SeededRandom random_;
  bool blocking_files_;
  size_t blocking_operations_ = 0;
  bool turn_requested_ = false;
  std::deque<Callback> inbox_;
  // Ends of file operations done in place that came while the node was paused; they go before kept_.
  std::deque<Callback> unblocked_;
  // Events whose time came while the shard could not run, in their order.
  std::map<uint64_t, Callback> kept_;
  // Looked up only, never walked: its order depends on addresses.
  std::unordered_map<const Timer*, EventId> timers_;
};

}  // namespace godwit::runtime::sim
