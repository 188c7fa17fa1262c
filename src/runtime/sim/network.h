// The network between simulated nodes: connections like TCP's, and everything that goes wrong with them.
//
//   world.network().cut({"a"}, {"b", "c"});              // nothing passes, in neither direction
//   world.network().cut_one_way({"a"}, {"b"});           // a's packets to b are lost, b's to a arrive
//   world.network().heal();
//   world.network().set_link("a", "b", {.latency = {50ms, 80ms}, .bytes_per_second = 1'000'000});
//
// Over a cut nothing is lost for ever: as with TCP what was sent waits, and arrives when the cut heals before
// dead_peer_timeout; then the sender's connection breaks. A connection to a node that nobody can reach times
// out; where the machine is up and nobody listens it is refused. A killed process's connections end or are
// reset after a moment; a machine without power says nothing, and answers with a reset when it is up again
// and something arrives for a connection that it does not know. Within a node nothing is ever cut.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/sim/node.h"

namespace godwit::runtime::sim {

class Connection;
class ListenerState;
struct PendingConnect;

struct LinkOptions {
  Latency latency{std::chrono::microseconds(50), std::chrono::microseconds(300)};
  uint64_t bytes_per_second = 1'000'000'000;  // of each connection; 0: no limit
};

struct NetworkOptions {
  LinkOptions link;  // between nodes without a link of their own
  LinkOptions loopback{{std::chrono::microseconds(3), std::chrono::microseconds(15)}, 0};
  size_t window = 256 * 1024;  // bytes under way or not read yet, in each direction of a connection
  // Sends are cut into segments of at most this, by the seed; a read gives fewer bytes than there are now and
  // then, so that framing is put to the test.
  size_t segment_max = 16 * 1024;
  Duration dead_peer_timeout = std::chrono::seconds(60);
};

using NodeNames = std::vector<std::string>;

class SimNetwork {
 public:
  explicit SimNetwork(World& world);
  ~SimNetwork();

  // Faults. Names are those of nodes; they hold until healed.
  void cut(const NodeNames& some, const NodeNames& others);
  void cut_one_way(const NodeNames& from, const NodeNames& to);
  // Cuts a node from all others.
  void isolate(const std::string& name);
  void heal();
  void heal(const NodeNames& some, const NodeNames& others);
  bool is_cut(const std::string& from, const std::string& to) const { return cuts_.contains({from, to}); }
  // Both directions.
  void set_link(const std::string& a, const std::string& b, LinkOptions options);
  void clear_links() { links_.clear(); }
  // Resets all connections between the two, at both ends.
  void break_connections(const std::string& a, const std::string& b);
  // Every segment sent between nodes breaks its connection with this probability; 0/1 ends it.
  void break_randomly(uint64_t numerator, uint64_t denominator);
  // The next `times` accepts of the node fail so (limit: no descriptor left); connections stay in the
  // backlog.
  void fail_next_accept(const std::string& name, ErrorKind kind, uint64_t times = 1);
  NetworkOptions& options() { return options_; }

  // Connections with an open end.
  size_t connections() const { return connections_.size(); }

  // For the simulator's parts.
  World& world() { return world_; }
  SeededRandom& random() { return random_; }
  std::unique_ptr<Network> attach(Node& node);
  void crash(Node& node, CrashKind kind);
  void powered(Node& node);
  Node* resolve(Node& from, const std::string& host) const;
  const LinkOptions& link(const Node& from, const Node& to) const;
  Duration latency(const Node& from, const Node& to);
  // Whether a packet that arrives now is lost.
  bool blocked(const Node& from, const Node& to) const;
  bool breaks_now();
  Result<std::shared_ptr<ListenerState>> listen(Node& node, const Endpoint& at, const ListenOptions& options);
  void unlisten(const ListenerState& listener);
  void connect(const std::shared_ptr<PendingConnect>& pending, Duration timeout);
  uint16_t free_port(Node& node);
  std::optional<ErrorKind> accept_fault(const Node& node);
  void forget(const Connection& connection);

 private:
  void attempt(const std::shared_ptr<PendingConnect>& pending, Duration next_try);
  void arrived(const std::shared_ptr<PendingConnect>& pending, Duration next_try);
  std::shared_ptr<ListenerState> listener_for(const PendingConnect& pending);
  void wake_all();

  World& world_;
  NetworkOptions options_;
  SeededRandom random_;
  uint64_t ids_ = 0;
  uint64_t break_numerator_ = 0;
  uint64_t break_denominator_ = 1;
  std::set<std::pair<std::string, std::string>> cuts_;
  std::map<std::pair<std::string, std::string>, LinkOptions> links_;
  std::map<std::string, std::pair<ErrorKind, uint64_t>> accept_faults_;
  std::map<uint64_t, std::shared_ptr<Connection>> connections_;
  std::map<std::pair<std::string, uint16_t>, std::vector<std::shared_ptr<ListenerState>>> listeners_;
  std::map<std::string, uint16_t> next_port_;
};

}  // namespace godwit::runtime::sim
