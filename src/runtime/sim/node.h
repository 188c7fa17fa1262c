// A machine with one process on it: a Runtime that can crash, be paused and be started again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/sim/disk.h"
#include "runtime/sim/sim_shard.h"
#include "runtime/sim/world.h"

namespace godwit::runtime::sim {

struct NodeOptions {
  size_t shards = 1;
  Machine machine{.cores = 2, .memory = uint64_t{4} << 30, .descriptors_max = 1024};
  DiskOptions disk;
  // Added to the world's wall clock: a machine whose clock is wrong.
  Duration wall_offset{};
  // The node's numeric address; empty: 10.0.0.n, n the how-manieth node it is.
  std::string address;
};

// The node's main; its captures live until the process has ended, so it may be a coroutine lambda.
using Main = std::move_only_function<Task<void>(Runtime&)>;

class Node final : public Runtime {
 public:
  Node(World& world, std::string name, NodeOptions options, uint64_t index);
  ~Node() override;

  // Spawns `main` on shard 0 (or `shard`). May be called several times.
  void start(Main main, size_t shard = 0);
  // Starts `main` and runs the world until it has ended. False when the node crashed, nothing was left to
  // happen, or `limit` of virtual time passed before.
  bool run(Main main, Duration limit = std::chrono::hours(1));

  // Keeps an object of the process: it is destroyed at a crash after all frames, last kept first.
  void keep(std::shared_ptr<void> object) { kept_.push_back(std::move(object)); }
  // The same, made in place.
  template <class T, class... Args>
  T& make(Args&&... args) {
    auto object = std::make_shared<T>(std::forward<Args>(args)...);
    kept_.push_back(object);
    return *object;
  }

  // Ends the process at once: nothing of it runs any more, its frames and objects are destroyed (when its own
  // code asks for the crash: as soon as that is off the stack), its disk keeps what CrashKind says, its
  // connections break. The node stays dead until restart().
  void crash(CrashKind kind);
  // Starts a new process, with new shards, on the same disk. The node must be dead.
  void restart();
  // SIGSTOP: the process runs nothing, its machine goes on (the disk finishes, the network delivers to its
  // buffers). SIGCONT with resume(), when all that came meanwhile happens.
  void pause();
  void resume();
  bool alive() const { return alive_; }
  bool paused() const { return paused_; }
  // Whether the machine is up: false between a power cut and restart().
  bool powered() const { return powered_; }
  // How often a process was started here, from 1.
  uint64_t incarnation() const { return incarnation_; }

  const std::string& name() const { return name_; }
  const std::string& address() const { return address_; }
  Disk& disk() { return *disk_; }
  World& world() { return world_; }
  Duration wall_offset() const { return options_.wall_offset; }
  void set_wall_offset(Duration offset) { options_.wall_offset = offset; }

  // Runtime
  size_t shard_count() const override { return options_.shards; }
  Shard& shard(size_t index) override { return *shards_.at(index); }
  Shard& add_shard(ShardOptions options) override;
  Network& network() override;
  FileSystem& files() override { return *files_; }
  const Machine& machine() const override { return options_.machine; }
  void populate(MutableBytes, std::shared_ptr<const void>) override {}

 private:
  friend class World;
  void take_apart();
  SimShard& make_shard(std::string name, bool blocking_files);

  World& world_;
  std::string name_;
  std::string address_;
  NodeOptions options_;
  bool alive_ = false;
  bool paused_ = false;
  bool powered_ = true;
  bool apart_ = true;
  uint64_t incarnation_ = 0;
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<Network> network_;
  std::vector<std::unique_ptr<SimShard>> shards_;
  std::vector<std::unique_ptr<Main>> mains_;
  std::vector<std::shared_ptr<void>> kept_;
};

}  // namespace godwit::runtime::sim
