#include "runtime/sim/node.h"

#include "runtime/sim/event_kind.h"
#include "runtime/sim/file_system.h"
#include "runtime/sim/network.h"

namespace godwit::runtime::sim {

Node::Node(World& world, std::string name, NodeOptions options, uint64_t index)
    : world_(world), name_(std::move(name)), address_(options.address), options_(std::move(options)) {
  if (address_.empty()) {
    address_ = "10.0." + std::to_string(index / 250) + "." + std::to_string(index % 250 + 1);
  }
  GW_CHECK(options_.shards >= 1, "a runtime has at least one shard");
  disk_ = std::make_unique<Disk>(world, *this, options_.disk, world.derive_seed("disk " + name_));
  network_ = world.network().attach(*this);
  restart();
}

Node::~Node() {
  if (alive_) crash(CrashKind::kill);
  if (!apart_) take_apart();
}

SimShard& Node::make_shard(std::string name, bool blocking_files) {
  const uint64_t seed =
      world_.derive_seed(name_ + "/" + std::to_string(incarnation_) + "/" + std::to_string(shards_.size()));
  shards_.push_back(std::make_unique<SimShard>(world_, *this, std::move(name), seed, blocking_files));
  return *shards_.back();
}

void Node::restart() {
  GW_CHECK(!alive_ && apart_, "only a dead node is restarted");
  ++incarnation_;
  alive_ = true;
  paused_ = false;
  const bool was_off = !std::exchange(powered_, true);
  apart_ = false;
  world_.trace().add("start " + name_);
  files_ = std::make_unique<SimFileSystem>(*this, *disk_);
  for (size_t i = 0; i < options_.shards; ++i) make_shard("shard-" + std::to_string(i), false);
  if (was_off) world_.network().powered(*this);
}

Shard& Node::add_shard(ShardOptions options) {
  return make_shard(std::move(options.name), options.blocking_files);
}

Network& Node::network() {
  return *network_;
}

void Node::start(Main main, size_t shard) {
  GW_CHECK(alive_, "a process is started on a node that is up");
  mains_.push_back(std::make_unique<Main>(std::move(main)));
  Main* const kept = mains_.back().get();
  SimShard* const on = shards_.at(shard).get();
  world_.schedule(world_.now(), on, kind_of(EventKind::start),
                  [this, kept, on] { on->spawn((*kept)(*this)); });
}

namespace {

Task<void> run_and_mark(Main main, Runtime& runtime, std::shared_ptr<bool> ended) {
  co_await main(runtime);
  *ended = true;
}

}  // namespace

bool Node::run(Main main, Duration limit) {
  auto ended = std::make_shared<bool>(false);
  start([main = std::move(main), ended](Runtime& runtime) mutable {
    return run_and_mark(std::move(main), runtime, ended);
  });
  const uint64_t incarnation = incarnation_;
  world_.run_until([&] { return *ended || !alive_ || incarnation_ != incarnation; }, limit);
  return *ended;
}

void Node::crash(CrashKind kind) {
  if (!alive_) return;
  alive_ = false;
  powered_ = kind != CrashKind::power_cut;
  world_.trace().add((kind == CrashKind::kill ? "kill " : "power cut ") + name_);
  // The outside world is cut off at this very moment; what still runs of the node changes nothing any more.
  disk_->crash(kind);
  world_.network().crash(*this, kind);
  if (world_.running() == this) {
    world_.take_apart_later(*this);
  } else {
    take_apart();
  }
}

void Node::take_apart() {
  Node* const before = world_.running();
  world_.set_running(this);
  for (auto& shard : shards_) shard->destroy_frames();
  for (auto& shard : shards_) shard->destroy_pending();
  {
    // Destructors of the process's objects run as on shard 0.
    Callback destroy = [this] {
      while (!kept_.empty()) {
        const auto last = std::move(kept_.back());
        kept_.pop_back();
      }
    };
    shards_.front()->enter(destroy);
  }
  // What those destructors posted or spawned.
  for (auto& shard : shards_) shard->destroy_frames();
  for (auto& shard : shards_) shard->destroy_pending();
  mains_.clear();
  files_.reset();
  shards_.clear();
  paused_ = false;
  apart_ = true;
  world_.set_running(before);
}

void Node::pause() {
  if (alive_) paused_ = true;
}

void Node::resume() {
  if (!alive_ || !paused_) return;
  paused_ = false;
  // From the event loop: the caller may be code of another node.
  for (auto& shard : shards_) {
    SimShard* const one = shard.get();
    world_.schedule(world_.now(), one, kind_of(EventKind::start), [] {});
    world_.after(Duration(0), [this, one, incarnation = incarnation_] {
      if (alive_ && incarnation_ == incarnation) one->catch_up();
    });
  }
}

}  // namespace godwit::runtime::sim
