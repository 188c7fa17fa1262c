// What a process sees of the network: the interface of runtime/stream.h.
#include "runtime/sim/connection.h"
#include "runtime/sim/listener.h"

namespace godwit::runtime::sim {
namespace {

SimShard* current_shard() {
  GW_CHECK(Shard::current() != nullptr, "connections are made and used on a shard");
  return static_cast<SimShard*>(Shard::current());
}

// What code of a node that just died waits for: it never comes, and the frame goes.
using Never = std::suspend_always;

class SimStream final : public Stream {
 public:
  SimStream(std::shared_ptr<Connection> connection, size_t index)
      : connection_(std::move(connection)), index_(index) {
    side().shard = current_shard();
  }
  ~SimStream() override { close(); }

  Task<Result<size_t>> read_some(MutableBytes into) override {
    GW_CHECK(!into.empty(), "a read asks for at least one byte");
    for (;;) {
      if (!side().node->alive()) co_await Never();
      if (!side().open) co_return fail(ErrorKind::closed, "the connection was closed");
      if (side().unread() > 0) co_return connection_->take(index_, into);
      if (side().reset) co_return fail(ErrorKind::closed, "the peer reset the connection");
      if (side().fin_received) co_return size_t{0};
      co_await SlotWait(connection_, side().reader);
    }
  }

  Task<Result<void>> write_all(std::span<const BytesView> parts) override {
    for (const BytesView part : parts) {
      BytesView rest = part;
      while (!rest.empty()) {
        if (!side().node->alive()) co_await Never();
        if (!side().open) co_return fail(ErrorKind::closed, "the connection was closed");
        if (side().fin_sent) co_return fail(ErrorKind::closed, "nothing is sent after shutdown_write");
        if (side().reset) co_return fail(ErrorKind::closed, "the peer reset the connection");
        const size_t sent = connection_->send(index_, rest);
        rest = rest.subspan(sent);
        if (sent == 0) co_await SlotWait(connection_, side().writer);
      }
    }
    co_return Result<void>();
  }

  void shutdown_write() override {
    if (side().node->alive()) connection_->shutdown_write(index_);
  }
  void close() override {
    if (side().node->alive()) connection_->close(index_);
  }
  void detach() override { side().shard = nullptr; }
  Result<void> attach() override {
    if (!side().open) return fail(ErrorKind::closed, "the connection was closed");
    side().shard = current_shard();
    return {};
  }
  const Endpoint& local() const override { return connection_->side(index_).local; }
  const Endpoint& peer() const override { return connection_->side(index_).peer; }

 private:
  Connection::Side& side() { return connection_->side(index_); }
  std::shared_ptr<Connection> connection_;
  size_t index_;
};

class SimListener final : public Listener {
 public:
  SimListener(SimNetwork& network, std::shared_ptr<ListenerState> state)
      : network_(network), state_(std::move(state)) {}
  ~SimListener() override { close(); }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    for (;;) {
      if (!state_->node->alive()) co_await Never();
      if (!state_->open) co_return fail(ErrorKind::closed, "the listener was closed");
      while (!state_->backlog.empty()) {
        if (const auto fault = network_.accept_fault(*state_->node)) {
          co_return fail(*fault, "accept failed on the simulated machine");
        }
        auto connection = std::move(state_->backlog.front());
        state_->backlog.pop_front();
        co_return std::make_unique<SimStream>(std::move(connection), 1);
      }
      co_await SlotWait(state_, state_->acceptor);
    }
  }

  void close() override {
    if (!state_->open || !state_->node->alive()) return;
    GW_CHECK(Shard::current() == state_->shard, "a listener is closed on the shard that made it");
    state_->open = false;
    network_.unlisten(*state_);
    for (const auto& connection : std::exchange(state_->backlog, {})) connection->close(1);
    wake(state_->shard, state_->acceptor);
  }
  const Endpoint& local() const override { return state_->local; }

 private:
  SimNetwork& network_;
  std::shared_ptr<ListenerState> state_;
};

class NodeNetwork final : public Network {
 public:
  NodeNetwork(SimNetwork& network, Node& node) : network_(network), node_(node) {}

  Task<Result<std::unique_ptr<Listener>>> listen(Endpoint at, ListenOptions options) override {
    if (!node_.alive()) co_await Never();
    auto state = network_.listen(node_, at, options);
    if (!state) co_return fail(state.error());
    co_return std::make_unique<SimListener>(network_, std::move(*state));
  }

  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, Duration timeout) override {
    if (!node_.alive()) co_await Never();
    auto pending = std::make_shared<PendingConnect>();
    pending->from = &node_;
    pending->to = network_.resolve(node_, to.host);
    pending->shard = current_shard();
    if (pending->to == nullptr) co_return fail(ErrorKind::not_found, to.host + ": unknown host");
    pending->loopback = pending->to == &node_ && to.host != node_.name() && to.host != node_.address();
    pending->target = std::move(to);
    network_.connect(pending, timeout);
    const Abandon guard(pending);
    co_await SlotWait(pending, pending->waiter);
    if (pending->error) co_return fail(*pending->error);
    co_return std::make_unique<SimStream>(std::exchange(pending->connection, nullptr), 0);
  }

 private:
  // A connection that was made for a frame that is gone is closed.
  struct Abandon {
    explicit Abandon(std::shared_ptr<PendingConnect> p) : pending(std::move(p)) {}
    Abandon(const Abandon&) = delete;
    Abandon& operator=(const Abandon&) = delete;
    ~Abandon() {
      pending->done = true;
      if (pending->connection != nullptr && pending->from->alive()) pending->connection->close(0);
    }
    std::shared_ptr<PendingConnect> pending;
  };

  SimNetwork& network_;
  Node& node_;
};

}  // namespace

std::unique_ptr<Network> SimNetwork::attach(Node& node) {
  return std::make_unique<NodeNetwork>(*this, node);
}

}  // namespace godwit::runtime::sim
