#include "runtime/sim/world.h"

#include <algorithm>

#include "runtime/sim/event_kind.h"
#include "runtime/sim/network.h"
#include "runtime/sim/node.h"

namespace godwit::runtime::sim {

World::World(uint64_t seed, WorldOptions options)
    : seed_(seed),
      options_(options),
      scheduler_random_(mix(seed ^ hash_text("scheduler"))),
      test_random_(mix(seed ^ hash_text("test"))) {
  trace_.add(seed);
  network_ = std::make_unique<SimNetwork>(*this);
}

World::~World() {
  // As if every process were killed: nothing of a node may outlive what it refers to.
  for (auto& node : nodes_) node->crash(CrashKind::kill);
}

Node& World::add_node(std::string name, NodeOptions options) {
  for (const auto& node : nodes_) GW_CHECK(node->name() != name, "a node's name is unique");
  nodes_.push_back(std::make_unique<Node>(*this, std::move(name), std::move(options), nodes_.size()));
  return *nodes_.back();
}

Node& World::add_node(std::string name) {
  return add_node(std::move(name), NodeOptions{});
}

EventId World::schedule(MonotonicTime when, SimShard* owner, uint64_t kind, Callback action) {
  // One owner's events at one time share their tie, so they keep their order; owners are shuffled by the
  // seed.
  const uint64_t who = owner != nullptr ? owner->uid() : next_uid();
  const auto at = static_cast<uint64_t>(when.time_since_epoch().count());
  const EventId id{when, mix(seed_ ^ mix(at) ^ who), next_sequence()};
  events_.emplace(id, Event{owner, kind, std::move(action)});
  return id;
}

void World::cancel(EventId id, SimShard* owner) {
  if (id.sequence == 0) return;
  const auto event = events_.extract(id);  // destroyed when events_ is whole again
  if (event.empty() && owner != nullptr) owner->forget(id.sequence);
}

void World::drop_events_of(const SimShard& owner) {
  std::vector<Callback> dropped;  // destroyed after the walk: destructors may cancel further events
  for (auto it = events_.begin(); it != events_.end();) {
    if (it->second.owner == &owner) {
      dropped.push_back(std::move(it->second.action));
      it = events_.erase(it);
    } else {
      ++it;
    }
  }
}

Duration World::turn_delay() {
  return Duration(static_cast<int64_t>(
      scheduler_random_.between(0, static_cast<uint64_t>(options_.turn_delay_max.count()))));
}

EventId World::after(Duration after, Callback action) {
  return schedule(now_ + after, nullptr, kind_of(EventKind::test), std::move(action));
}

bool World::is_moment(const Event& event) const {
  if (event.kind == kind_of(EventKind::timer))
    return std::ranges::find(uncounted_, &event.owner->node()) == uncounted_.end();
  return event.kind == kind_of(EventKind::disk) || event.kind == kind_of(EventKind::network);
}

void World::step() {
  auto first = events_.extract(events_.begin());
  const EventId& id = first.key();
  Event& event = first.mapped();
  GW_CHECK(id.when >= now_, "virtual time never goes back");
  if (id.when > now_) {
    now_ = id.when;
    steps_at_instant_ = 0;
  }
  ++steps_;
  if (is_moment(event)) ++moments_;
  GW_CHECK(++steps_at_instant_ <= options_.steps_per_instant_max,
           "livelock: too many events without time passing (seed " + std::to_string(seed_) + ")");
  GW_CHECK(steps_ <= options_.steps_max,
           "livelock: too many events in one world (seed " + std::to_string(seed_) + ")");
  trace_.add(static_cast<uint64_t>(now_.time_since_epoch().count()));
  trace_.add(event.kind * 0x10000 + (event.owner != nullptr ? event.owner->uid() : 0));
  if (event.owner != nullptr) {
    event.owner->deliver(id.sequence, std::move(event.action));
  } else {
    event.action();
  }
  if (options_.keep_trace) history_.push_back(trace_.hash());
  while (!to_take_apart_.empty()) {
    Node* const node = to_take_apart_.back();
    to_take_apart_.pop_back();
    node->take_apart();
  }
}

bool World::run_until(const std::function<bool()>& condition, Duration limit) {
  GW_CHECK(running_ == nullptr && Shard::current() == nullptr, "the world is driven from outside its nodes");
  const MonotonicTime end = now_ + limit;
  while (!condition()) {
    if (events_.empty()) return false;
    if (events_.begin()->first.when > end) {
      now_ = end;
      steps_at_instant_ = 0;
      return false;
    }
    step();
  }
  return true;
}

void World::run_for(Duration duration) {
  const MonotonicTime end = now_ + duration;
  run_until([] { return false; }, duration);
  now_ = std::max(now_, end);
}

bool World::run_until_idle(Duration limit) {
  return run_until([this] { return events_.empty(); }, limit);
}

}  // namespace godwit::runtime::sim
