#include "runtime/sim/network.h"

#include <algorithm>

#include "runtime/sim/connection.h"
#include "runtime/sim/event_kind.h"
#include "runtime/sim/listener.h"

namespace godwit::runtime::sim {

SimNetwork::SimNetwork(World& world) : world_(world), random_(world.derive_seed("network")) {}
SimNetwork::~SimNetwork() = default;

void SimNetwork::cut_one_way(const NodeNames& from, const NodeNames& to) {
  for (const auto& a : from) {
    for (const auto& b : to) {
      if (a != b) cuts_.emplace(a, b);
    }
  }
}

void SimNetwork::cut(const NodeNames& some, const NodeNames& others) {
  cut_one_way(some, others);
  cut_one_way(others, some);
}

void SimNetwork::isolate(const std::string& name) {
  NodeNames others;
  for (const auto& node : world_.nodes()) {
    if (node->name() != name) others.push_back(node->name());
  }
  cut({name}, others);
}

void SimNetwork::heal() {
  cuts_.clear();
  wake_all();
}

void SimNetwork::heal(const NodeNames& some, const NodeNames& others) {
  for (const auto& a : some) {
    for (const auto& b : others) {
      cuts_.erase({a, b});
      cuts_.erase({b, a});
    }
  }
  wake_all();
}

void SimNetwork::wake_all() {
  for (auto& [id, connection] : connections_) connection->retransmit();
}

void SimNetwork::set_link(const std::string& a, const std::string& b, LinkOptions options) {
  links_[{a, b}] = options;
  links_[{b, a}] = options;
}

void SimNetwork::break_connections(const std::string& a, const std::string& b) {
  const auto all = connections_;
  for (const auto& [id, connection] : all) {
    const auto& one = connection->side(0).node->name();
    const auto& other = connection->side(1).node->name();
    if ((one == a && other == b) || (one == b && other == a)) connection->break_now();
  }
}

void SimNetwork::break_randomly(uint64_t numerator, uint64_t denominator) {
  break_numerator_ = numerator;
  break_denominator_ = denominator;
}

bool SimNetwork::breaks_now() {
  return break_numerator_ > 0 && random_.chance(break_numerator_, break_denominator_);
}

void SimNetwork::fail_next_accept(const std::string& name, ErrorKind kind, uint64_t times) {
  accept_faults_[name] = {kind, times};
}

std::optional<ErrorKind> SimNetwork::accept_fault(const Node& node) {
  const auto found = accept_faults_.find(node.name());
  if (found == accept_faults_.end()) return std::nullopt;
  const ErrorKind kind = found->second.first;
  if (--found->second.second == 0) accept_faults_.erase(found);
  return kind;
}

void SimNetwork::crash(Node& node, CrashKind kind) {
  for (auto it = listeners_.begin(); it != listeners_.end();) {
    it = it->first.first == node.name() ? listeners_.erase(it) : std::next(it);
  }
  const auto all = connections_;
  for (const auto& [id, connection] : all) {
    for (size_t i = 0; i < 2; ++i) {
      auto& side = connection->side(i);
      if (side.node != &node) continue;
      side.reader = side.writer = nullptr;  // nobody is woken on a dead node
      if (kind == CrashKind::kill) {
        connection->close(i);
      } else {
        connection->vanish(i);
      }
    }
  }
}

void SimNetwork::powered(Node&) {
  wake_all();
}

Node* SimNetwork::resolve(Node& from, const std::string& host) const {
  if (host == "localhost" || host == "127.0.0.1" || host == "::1") return &from;
  for (const auto& node : world_.nodes()) {
    if (node->name() == host || node->address() == host) return node.get();
  }
  return nullptr;
}

const LinkOptions& SimNetwork::link(const Node& from, const Node& to) const {
  if (&from == &to) return options_.loopback;
  const auto found = links_.find({from.name(), to.name()});
  return found == links_.end() ? options_.link : found->second;
}

Duration SimNetwork::latency(const Node& from, const Node& to) {
  const Latency& latency = link(from, to).latency;
  if (latency.tail_every > 0 && random_.below(latency.tail_every) == 0) return latency.tail;
  return Duration(static_cast<int64_t>(random_.between(static_cast<uint64_t>(latency.min.count()),
                                                       static_cast<uint64_t>(latency.max.count()))));
}

bool SimNetwork::blocked(const Node& from, const Node& to) const {
  return !to.powered() || is_cut(from.name(), to.name());
}

uint16_t SimNetwork::free_port(Node& node) {
  uint16_t& next = next_port_.try_emplace(node.name(), uint16_t{32768}).first->second;
  for (;;) {
    next = next == 65535 ? uint16_t{32768} : static_cast<uint16_t>(next + 1);
    if (!listeners_.contains({node.name(), next})) return next;
  }
}

Result<std::shared_ptr<ListenerState>> SimNetwork::listen(Node& node, const Endpoint& at,
                                                          const ListenOptions& options) {
  using Scope = ListenerState::Scope;
  auto made = std::make_shared<ListenerState>();
  if (at.host.empty() || at.host == "0.0.0.0" || at.host == "::") {
    made->scope = Scope::any;
    made->local.host = "0.0.0.0";
  } else if (at.host == "localhost" || at.host == "127.0.0.1" || at.host == "::1") {
    made->scope = Scope::loopback;
    made->local.host = "127.0.0.1";
  } else if (at.host == node.name() || at.host == node.address()) {
    made->scope = Scope::outside;
    made->local.host = node.address();
  } else {
    return fail(ErrorKind::invalid, to_string(at) + " is no address of this machine");
  }
  made->local.port = at.port != 0 ? at.port : free_port(node);
  made->node = &node;
  made->shard = static_cast<SimShard*>(Shard::current());
  made->options = options;
  auto& there = listeners_[{node.name(), made->local.port}];
  for (const auto& other : there) {
    const bool meet = other->scope == made->scope || other->scope == Scope::any || made->scope == Scope::any;
    if (meet && !(other->options.shared && options.shared)) {
      return fail(ErrorKind::conflict, "port " + std::to_string(made->local.port) + " is in use");
    }
  }
  there.push_back(made);
  return made;
}

void SimNetwork::unlisten(const ListenerState& listener) {
  const auto found = listeners_.find({listener.node->name(), listener.local.port});
  if (found == listeners_.end()) return;
  std::erase_if(found->second, [&](const auto& one) { return one.get() == &listener; });
  if (found->second.empty()) listeners_.erase(found);
}

std::shared_ptr<ListenerState> SimNetwork::listener_for(const PendingConnect& pending) {
  const auto found = listeners_.find({pending.to->name(), pending.target.port});
  if (found == listeners_.end()) return nullptr;
  const auto unfit = pending.loopback ? ListenerState::Scope::outside : ListenerState::Scope::loopback;
  std::vector<std::shared_ptr<ListenerState>> fit;
  for (const auto& one : found->second) {
    if (one->scope != unfit) fit.push_back(one);
  }
  return fit.empty() ? nullptr : fit[fit.size() == 1 ? 0 : random_.below(fit.size())];
}

void SimNetwork::connect(const std::shared_ptr<PendingConnect>& pending, Duration timeout) {
  pending->timeout = world_.schedule(world_.now() + timeout, nullptr, kind_of(EventKind::network), [pending] {
    pending->finish(Error{ErrorKind::timed_out, "no answer from " + to_string(pending->target)});
  });
  attempt(pending, std::chrono::seconds(1));
}

void SimNetwork::attempt(const std::shared_ptr<PendingConnect>& pending, Duration next_try) {
  if (pending->done) return;
  world_.schedule(world_.now() + latency(*pending->from, *pending->to), nullptr, kind_of(EventKind::network),
                  [this, pending, next_try] { arrived(pending, next_try); });
}

void SimNetwork::arrived(const std::shared_ptr<PendingConnect>& pending, Duration next_try) {
  if (pending->done) return;
  Node& from = *pending->from;
  Node& to = *pending->to;
  const auto listener = listener_for(*pending);
  const bool full = listener && listener->backlog.size() >= static_cast<size_t>(listener->options.backlog);
  if (blocked(from, to) || blocked(to, from) || full) {
    // Lost on the way there or back: asked again, as TCP does, until the caller's timeout.
    world_.schedule(world_.now() + next_try, nullptr, kind_of(EventKind::network),
                    [this, pending, next_try] { attempt(pending, next_try * 2); });
    return;
  }
  std::optional<Error> error;
  if (!listener) {
    error = Error{ErrorKind::refused, to_string(pending->target) + " refused the connection"};
  } else {
    const std::string& from_host = pending->loopback ? pending->target.host : from.address();
    const Endpoint from_at{pending->loopback && from_host == "localhost" ? "127.0.0.1" : from_host,
                           free_port(from)};
    const Endpoint to_at{pending->loopback ? from_at.host : to.address(), pending->target.port};
    auto connection = std::make_shared<Connection>(*this, ++ids_, from, from_at, to, to_at);
    connection->side(0).shard = pending->shard;
    connections_[connection->id()] = connection;
    pending->connection = connection;
    listener->backlog.push_back(std::move(connection));
    wake(listener->shard, listener->acceptor);
  }
  world_.schedule(world_.now() + latency(to, from), nullptr, kind_of(EventKind::network),
                  [pending, error = std::move(error)] { pending->finish(error); });
}

void SimNetwork::forget(const Connection& connection) {
  connections_.erase(connection.id());
}

}  // namespace godwit::runtime::sim
