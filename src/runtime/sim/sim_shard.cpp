#include "runtime/sim/sim_shard.h"

#include "runtime/sim/event_kind.h"
#include "runtime/sim/node.h"

namespace godwit::runtime::sim {

SimShard::SimShard(World& world, Node& node, std::string name, uint64_t seed, bool blocking_files)
    : Shard(std::move(name)),
      world_(world),
      node_(node),
      uid_(world.next_uid()),
      random_(seed),
      blocking_files_(blocking_files) {}

SimShard::~SimShard() {
  destroy_spawned();
  destroy_pending();
}

WallTime SimShard::wall_now() const {
  return world_.options().wall_start + world_.elapsed() + node_.wall_offset();
}

bool SimShard::can_run() const {
  return blocking_operations_ == 0 && !node_.paused();
}

void SimShard::post(Callback callback) {
  if (!node_.alive()) return;
  inbox_.push_back(std::move(callback));
  request_turn();
}

void SimShard::request_turn() {
  if (turn_requested_ || !node_.alive()) return;
  turn_requested_ = true;
  world_.schedule(world_.now() + world_.turn_delay(), this, kind_of(EventKind::turn), [this] { turn(); });
}

void SimShard::turn() {
  turn_requested_ = false;
  // What is posted or becomes ready meanwhile waits for the next turn.
  for (size_t left = inbox_.size(); left > 0 && !inbox_.empty() && can_run() && node_.alive(); --left) {
    Callback callback = std::move(inbox_.front());
    inbox_.pop_front();
    callback();
  }
  if (!can_run()) {
    // A callback began a file operation that holds up the shard: the rest comes after it.
    request_turn();
    return;
  }
  run_ready();
  if (!inbox_.empty()) request_turn();
}

void SimShard::enter(Callback& action) {
  const Enter guard(this);
  Node* const before = world_.running();
  world_.set_running(&node_);
  action();
  world_.set_running(before);
}

void SimShard::deliver(uint64_t sequence, Callback action) {
  if (!node_.alive()) return;
  if (!can_run() || !kept_.empty()) {
    kept_.emplace(sequence, std::move(action));
    return;
  }
  enter(action);
}

void SimShard::deliver(Callback action) {
  deliver(world_.next_sequence(), std::move(action));
}

void SimShard::unblock(Callback action) {
  --blocking_operations_;
  if (node_.paused()) {
    unblocked_.push_back(std::move(action));
    return;
  }
  enter(action);
  catch_up();
}

void SimShard::catch_up() {
  while (!unblocked_.empty() && !node_.paused() && node_.alive()) {
    Callback first = std::move(unblocked_.front());
    unblocked_.pop_front();
    enter(first);
  }
  while (!kept_.empty() && can_run() && node_.alive()) {
    auto first = kept_.extract(kept_.begin());
    enter(first.mapped());
  }
}

void SimShard::timer_start(Timer& timer, MonotonicTime when) {
  if (!node_.alive()) return;
  timers_[&timer] =
      world_.schedule(std::max(when, world_.now()), this, kind_of(EventKind::timer), [this, &timer] {
        timers_.erase(&timer);
        timer.fire();
      });
}

void SimShard::timer_stop(Timer& timer) {
  const auto found = timers_.find(&timer);
  if (found == timers_.end()) return;
  world_.cancel(found->second, this);
  timers_.erase(found);
}

void SimShard::destroy_pending() {
  // Destructors of captured objects may come back here (stop a timer): the containers are emptied first.
  const Enter guard(this);
  auto inbox = std::exchange(inbox_, {});
  inbox.clear();
  auto unblocked = std::exchange(unblocked_, {});
  unblocked.clear();
  auto kept = std::exchange(kept_, {});
  kept.clear();
  world_.drop_events_of(*this);
}

}  // namespace godwit::runtime::sim
