// A coordination service for simulated clusters: one store that several nodes share, with the faults of a real one.
//
//   World world(seed);
//   MemoryServer server(world.add_node("store"));       // the engine's machine: never crashed, only stopped
//   Node& a = world.add_node("a");
//   a.start([&](Runtime& runtime) -> Task<void> {
//     auto store = connect(server, runtime, {.node = "a"});
//     …
//   });
//   server.cut("a");
//   world.run_for(5s);                                   // a's leases end
//   server.heal("a");
//
// It stands for a whole etcd or ZooKeeper: it outlives every crash of the nodes, and what was committed stays until the
// test takes it away. Virtual time drives it, through the shard of its host; every draw comes from that shard's random
// numbers, so that a seed replays.
//
// For one thread: the simulator's. Its functions are called from outside of every node (the test, World::after). The host
// must outlive it, and it must outlive every run of the world in which a client lives.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>

#include "coordination/memory/memory_link.h"
#include "runtime/runtime.h"

namespace godwit::coordination {

struct MemoryServerOptions {
  Duration lease_timeout_min = std::chrono::seconds(2);  // as etcd's with its defaults
};

class MemoryServer {
 public:
  explicit MemoryServer(runtime::Runtime& host, MemoryServerOptions options = {});
  MemoryServer(const MemoryServer&) = delete;
  MemoryServer& operator=(const MemoryServer&) = delete;

  // The service is gone, and back with all keys. A call meanwhile is told so, or hears nothing until its deadline; one
  // that was carried out just before may not hear its answer. Time goes on for leases meanwhile: on return those that are over end
  // (expired), or all begin their timeout anew (extended, as etcd does when a leader takes over).
  enum class Leases : uint8_t { expired, extended };
  void stop();
  void start(Leases leases = Leases::expired);
  bool running() const { return running_; }

  // SIGSTOP and SIGCONT: what arrives waits, and is carried out at the thaw (or not, where its caller gave up long before).
  // Leases that are over by then end first. stop() loses what waits.
  void freeze() { frozen_ = true; }
  void thaw();

  // Nothing passes between the node and the server, in neither direction. What was sent over the cut may still arrive
  // (and be carried out) up to a second later, when it heals before.
  void cut(const std::string& node);
  void heal(const std::string& node);
  void heal();

  // Every message takes this much longer, each way; zero ends it. From 250 ms on calls reach their deadline although
  // they are carried out, some of them after it.
  void slow(Duration extra) { extra_delay_ = extra; }
  // Every request, answer and notification is lost with the probability numerator/denominator; 0/1 ends it.
  void lose_randomly(uint64_t numerator, uint64_t denominator);

  // The store comes back empty: keys, leases and versions begin anew.
  void lose_everything();
  // Back from a backup, see MemoryEngine::restore.
  using Snapshot = MemoryEngine::Snapshot;
  Snapshot snapshot() const { return engine_.snapshot(); }
  void restore(Snapshot snapshot);

  // Somebody else's change, at once (an operator's, another program's). Errors as Coordination::commit.
  Result<void> change(const Transaction& transaction);

  // To look from outside.
  const KeySpace& keys() const { return engine_.keys(); }
  size_t leases() const { return engine_.leases(); }
  // Calls that clients made since the beginning, whether they arrived or not; keep-alives are those that were sent.
  uint64_t calls(CallKind kind) const { return calls_.at(static_cast<size_t>(kind)); }
  // All but keep-alives, which go out by themselves: what somebody asked.
  uint64_t calls_asked() const;

  // For clients.
  void join(std::weak_ptr<MemoryPeer> peer);
  void count(CallKind kind) { ++calls_.at(static_cast<size_t>(kind)); }
  void submit(std::weak_ptr<MemoryPeer> peer, std::shared_ptr<MemoryCall> call);
  // How many changes were made: one that is told with a number up to this was made before.
  uint64_t changes() const { return changes_; }

 private:
  using Peer = std::weak_ptr<MemoryPeer>;
  using Call = std::shared_ptr<MemoryCall>;
  struct Connection {
    Peer peer;
    Link link;
    bool stale = false;  // something may have changed that its watches were not told
    bool reconnecting = false;
  };

  void later(Duration delay, runtime::Callback action);
  Duration delay(const Link& link);
  bool reachable(const Link& link) const { return running_ && !cuts_.contains(link.node); }
  bool lost();

  void send(const Peer& peer, const Link& link, const Call& call);
  void fail_to_arrive(const Peer& peer, const Link& link, const Call& call);
  void arrive(const Peer& peer, const Link& link, const Call& call);
  void answer(const Peer& peer, const Link& link, const Call& call);
  static void tell(const Peer& peer, const Call& call, MemoryCall::Outcome outcome);

  void changed(MemoryEngine::Keys keys);
  void reconnect(uint64_t id);
  template <class Which>
  void break_connections(Which which);
  void reconnect_all();
  void end_leases();
  void arm_expiry();

  runtime::Shard& shard_;
  MemoryEngine engine_;
  bool running_ = true;
  bool frozen_ = false;
  std::vector<runtime::Callback> waiting_;  // for the thaw
  uint64_t runs_ = 1;
  Duration extra_delay_{};
  uint64_t lose_numerator_ = 0;
  uint64_t lose_denominator_ = 1;
  std::set<std::string> cuts_;
  std::map<uint64_t, Connection> connections_;
  uint64_t last_connection_ = 0;
  uint64_t changes_ = 0;
  MonotonicTime expiry_armed_ = MonotonicTime::max();
  std::array<uint64_t, kCallKinds> calls_{};
};

}  // namespace godwit::coordination
