#include "cluster/liveness.h"

#include <optional>
#include <utility>

#include "cluster/shared_value.h"

namespace godwit::cluster {

using runtime::Task;
using namespace std::chrono_literals;

namespace {

// A broker that went away is looked for so often, for so long; then more seldom.
constexpr Duration kSearchEvery = 50ms;
constexpr Duration kSearchFor = 5s;
constexpr Duration kSeldom = 1s;
// Keeps the connection in use: servers and what is between close idle ones.
constexpr Duration kAskEvery = 20s;

// Up to which incarnation a broker is suspected.
using Suspects = std::map<BrokerId, uint64_t>;

std::string_view name_of(Liveness::State state) {
  switch (state) {
    case Liveness::State::unknown:
      return "unknown";
    case Liveness::State::connected:
      return "connected";
    case Liveness::State::broken:
      return "broken";
    case Liveness::State::refused:
      return "refused";
  }
  return "?";
}

}  // namespace

class Liveness::Impl {
 public:
  Impl(LivenessOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics, Callback on_change)
      : options_(std::move(options)),
        runtime_(runtime),
        diagnostics_(diagnostics),
        on_change_(std::move(on_change)) {
    suspects_.store(std::make_shared<const Suspects>());
  }

  void belong_to(std::string cluster_id) { options_.cluster_id = std::move(cluster_id); }

  void watch(const std::map<BrokerId, BrokerInfo>& brokers) {
    if (closing_) return;
    for (auto at = peers_.begin(); at != peers_.end();) {
      const auto found = brokers.find(at->first);
      if (found != brokers.end() && same(at->second->info, found->second)) {
        ++at;
      } else {
        let_go(*at->second);
        at = peers_.erase(at);
      }
    }
    for (const auto& [id, info] : brokers) {
      if (id == options_.self || peers_.contains(id) || address(info).host.empty()) continue;
      auto peer = std::make_shared<Peer>(info);
      peers_[id] = peer;
      gate_.spawn(runtime_.shard(0), follow(peer));
    }
    publish();
  }

  State state(BrokerId id) const {
    const auto found = peers_.find(id);
    return found == peers_.end() ? State::unknown : found->second->state;
  }

  bool suspected(BrokerId id, uint64_t incarnation) const {
    const auto now = suspects_.load();
    const auto found = now->find(id);
    return found != now->end() && incarnation <= found->second;
  }

  Task<Result<kafka::BrokerProbeResponse>> probe(BrokerInfo broker) {
    const auto found = peers_.find(broker.id);
    if (found != peers_.end() && found->second->connection &&
        found->second->info.incarnation == broker.incarnation) {
      const auto connection = found->second->connection;
      // Over one that broke meanwhile nothing is learnt; over one that is silent, that the broker is.
      auto answer = co_await ask(connection, broker);
      if (answer || answer.error().kind == ErrorKind::refused || answer.error().kind == ErrorKind::timed_out)
        co_return answer;
    }
    const auto connection = co_await connect(broker);
    if (!connection) co_return fail(connection.error());
    co_return co_await ask(*connection, broker);
  }

  Task<void> close() {
    closing_ = true;
    for (const auto& [id, peer] : peers_) let_go(*peer);
    peers_.clear();
    co_await gate_.close();
  }

 private:
  using ConnectionPtr = std::shared_ptr<peer::Connection>;

  struct Peer {
    explicit Peer(BrokerInfo what) : info(std::move(what)) {}
    BrokerInfo info;
    State state = State::unknown;
    bool gone = false;
    ConnectionPtr connection;
    runtime::Condition changed;
  };

  runtime::Endpoint address(const BrokerInfo& info) const {
    const auto found = info.listeners.find(options_.listener);
    return found == info.listeners.end() ? runtime::Endpoint{} : found->second;
  }
  bool same(const BrokerInfo& a, const BrokerInfo& b) const {
    return a.incarnation == b.incarnation && address(a) == address(b);
  }

  static void let_go(Peer& peer) {
    peer.gone = true;
    peer.changed.notify_all();
    if (peer.connection) peer.connection->close();
  }

  Task<Result<ConnectionPtr>> connect(const BrokerInfo& info) {
    peer::ConnectionOptions how;
    how.client_id = "broker-" + to_string(options_.self) + "-liveness";
    how.connect_timeout = options_.probe_timeout;
    how.request_timeout = options_.probe_timeout;
    how.frame_bytes_max = 64 * 1024;
    auto connection = co_await peer::Connection::connect(runtime_.network(), address(info), how);
    if (!connection) co_return fail(connection.error());
    co_return ConnectionPtr(std::move(*connection));
  }

  Task<Result<kafka::BrokerProbeResponse>> ask(ConnectionPtr connection, BrokerInfo info) {
    auto answer = co_await connection->call(kafka::BrokerProbeRequest{options_.cluster_id});
    if (!answer) {
      // "refused" is said of connecting alone: here it would be taken for a proof.
      const ErrorKind kind =
          answer.error().kind == ErrorKind::refused ? ErrorKind::closed : answer.error().kind;
      co_return fail(kind, answer.error().message);
    }
    if (answer->error_code != ErrorCode::none || answer->broker_id != info.id) {
      // Addresses that are mixed up prove nothing of who should be there.
      co_return fail(ErrorKind::unavailable,
                     "another broker answers at the address of broker " + to_string(info.id));
    }
    const auto incarnation = static_cast<uint64_t>(answer->incarnation);
    if (incarnation > info.incarnation) {
      co_return fail(ErrorKind::refused, "broker " + to_string(info.id) + " was started again");
    }
    if (incarnation < info.incarnation) {
      co_return fail(ErrorKind::unavailable, "an older process of broker " + to_string(info.id) + " answers");
    }
    co_return std::move(*answer);
  }

  // Connects, and connects again, for as long as the broker is watched.
  Task<void> follow(std::shared_ptr<Peer> peer) {
    runtime::Shard& shard = runtime_.shard(0);
    MonotonicTime away_since = shard.now();
    while (!peer->gone) {
      auto connection = co_await connect(peer->info);
      const bool answered = connection.has_value();
      std::optional<Error> error;
      if (connection) {
        peer->connection = *connection;
        const auto answer = co_await ask(*connection, peer->info);
        if (!answer) error = answer.error();
      } else {
        error = connection.error();
      }
      if (peer->gone) break;
      if (!error) {
        change(*peer, State::connected, "it answers");
        while (!co_await peer->connection->ended(shard.now() + kAskEvery)) {
          // A silent broker proves nothing (its lease tells), but a connection that no longer carries anything is noticed.
          const auto alive = co_await ask(peer->connection, peer->info);
          if (!alive) peer->connection->close();
        }
        away_since = shard.now();
        peer->connection.reset();
        if (peer->gone) break;
        change(*peer, State::broken, "its connection broke");
        continue;  // at once: is it refused?
      }
      peer->connection.reset();
      // Everything else proves nothing, and leaves what was proven before.
      if (error->kind == ErrorKind::refused) {
        change(*peer, State::refused,
               answered                       ? "it was started again: a later incarnation answers"
               : peer->state == State::broken ? "its connection broke, and a new one is refused"
                                              : "a connection to it is refused",
               error->message);
      }
      const bool seldom = shard.now() - away_since > kSearchFor;
      const MonotonicTime next = shard.now() + (seldom ? kSeldom : kSearchEvery);
      while (!peer->gone && co_await peer->changed.wait_until(next)) {
      }
    }
    if (peer->connection) peer->connection->close();
  }

  // `error`: by which it was seen.
  void change(Peer& peer, State state, const std::string& why, const std::string& error = "") {
    if (peer.state == state) return;
    const bool news = peer.state != State::unknown || state != State::connected;
    const State before = std::exchange(peer.state, state);
    publish();
    if (news) {
      diagnostics_.emit({state == State::connected ? Severity::info : Severity::warning,
                         "liveness.changed",
                         "the connection to another broker changed its state",
                         {{"broker", to_string(peer.info.id)},
                          {"incarnation", std::to_string(peer.info.incarnation)},
                          {"from", std::string(name_of(before))},
                          {"state", std::string(name_of(state))},
                          {"why", error.empty() ? why : why + " (" + error + ")"}}});
    }
    if (on_change_) on_change_(peer.info.id, peer.info.incarnation, state, why);
  }

  void publish() {
    Suspects suspects;
    for (const auto& [id, peer] : peers_) {
      const uint64_t incarnation = peer->info.incarnation;
      if (peer->state == State::broken || peer->state == State::refused) {
        suspects[id] = incarnation;
      } else if (incarnation > 0) {
        suspects[id] = incarnation - 1;
      }
    }
    if (suspects == *suspects_.load()) return;
    suspects_.store(std::make_shared<const Suspects>(std::move(suspects)));
  }

  LivenessOptions options_;
  runtime::Runtime& runtime_;
  DiagnosticSink& diagnostics_;
  Callback on_change_;
  bool closing_ = false;
  std::map<BrokerId, std::shared_ptr<Peer>> peers_;
  SharedValue<Suspects> suspects_;
  runtime::Gate gate_;
};

Liveness::Liveness(LivenessOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics,
                   Callback on_change)
    : impl_(std::make_unique<Impl>(std::move(options), runtime, diagnostics, std::move(on_change))) {}
Liveness::~Liveness() = default;

void Liveness::belong_to(std::string cluster_id) {
  impl_->belong_to(std::move(cluster_id));
}
void Liveness::watch(const std::map<BrokerId, BrokerInfo>& brokers) {
  impl_->watch(brokers);
}
Liveness::State Liveness::state(BrokerId id) const {
  return impl_->state(id);
}
bool Liveness::suspected(BrokerId id, uint64_t incarnation) const {
  return impl_->suspected(id, incarnation);
}
Task<Result<kafka::BrokerProbeResponse>> Liveness::probe(BrokerInfo broker) {
  return impl_->probe(std::move(broker));
}
Task<void> Liveness::close() {
  return impl_->close();
}

}  // namespace godwit::cluster
