#include "coordination/zookeeper/zookeeper_lease.h"

#include <algorithm>
#include <set>

#include "coordination/zookeeper/commit.h"

namespace godwit::coordination::zookeeper {
namespace {

using runtime::Task;

constexpr Duration kLookAgain = std::chrono::milliseconds(10);
constexpr int kBeatsInTimeout = 6;

// A follower that answers a ping tells the leader, who ends sessions, up to half a tick later, and it may die in between; a
// session is never shorter than two ticks. So a quarter of the timeout is not believed in.
Duration believed(Duration timeout) {
  return timeout * 3 / 4;
}

std::string text_of(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

// What the lease and its heartbeat share.
struct Holding {
  std::shared_ptr<Store> store;
  std::shared_ptr<Session> session;
  std::function<bool()> healthy{};
  Duration timeout{};
  MonotonicTime valid_until{};
  bool let_go = false;  // revoked, or destroyed
  bool lapsed = false;  // it must have ended, though its session could not be asked
  // Nodes that may be there because of this lease.
  std::set<std::string> nodes{};
  runtime::Condition changed{};

  bool ended() const { return lapsed || session->ended(); }
  bool over() const { return let_go || store->closed || ended(); }
  bool is_healthy() { return !healthy || healthy(); }
};

// While the servers answered others for twice the timeout and the session reached none of them, they have ended it. (It may
// never learn so itself: a server that came back empty refuses who has seen more.)
bool must_have_lapsed(const Holding& holding, MonotonicTime now) {
  const MonotonicTime before = now - 2 * holding.timeout;
  const Session& other = *holding.store->session;
  return !holding.session->connected() && holding.session->since() < before && other.connected() &&
         other.since() < before;
}

// Whether the ensemble had the session alive after the question was sent. That a server answers a read says nothing: one
// that is cut from its leader goes on with that for as long as syncLimit allows, while the leader ends the session; so the
// leader is asked through it. A root that nobody made yet is an answer too.
bool proves_life(const std::vector<Reply>& answer) {
  const auto is_answer = [](const Reply& reply) {
    return reply.error == NodeError::none || reply.error == NodeError::no_node;
  };
  return std::ranges::all_of(answer, is_answer);
}

Task<void> beat(std::shared_ptr<Holding> holding) {
  runtime::Shard& shard = holding->store->shard;
  const Duration step = holding->timeout / kBeatsInTimeout;
  MonotonicTime next_question = shard.now() + 2 * step;
  while (!holding->over()) {
    if (must_have_lapsed(*holding, shard.now())) {
      holding->lapsed = true;
      holding->session->stop(false);
      holding->store->retire(holding->session);
      holding->changed.notify_all();
      break;
    }
    const bool healthy = holding->is_healthy();
    holding->session->serve_for(healthy ? 3 * step : Duration::zero());
    if (healthy && shard.now() >= next_question) {
      const MonotonicTime asked = shard.now();
      const std::string& root = holding->store->layout.root();
      std::vector<Request> requests{{.kind = Request::Kind::sync, .path = root},
                                    {.kind = Request::Kind::exists, .path = root}};
      const Duration patience = std::min(holding->store->options.call_timeout, 2 * step);
      const auto session = holding->session;
      const auto answer = co_await session->ask(std::move(requests), asked + patience);
      if (holding->over()) break;
      if (answer && proves_life(*answer)) {
        holding->valid_until = std::max(holding->valid_until, asked + believed(holding->timeout));
        next_question = asked + 2 * step;
      } else {
        next_question = asked + step;
      }
    }
    co_await holding->changed.wait_until(shard.now() + step);
  }
}

class ZookeeperLease final : public Lease {
 public:
  explicit ZookeeperLease(std::shared_ptr<Holding> holding) : holding_(std::move(holding)) {}
  // Without revoke(): as a crash leaves it.
  ~ZookeeperLease() override { let_go(false); }

  Duration timeout() const override { return holding_->timeout; }
  MonotonicTime valid_until() const override {
    return holding_->over() ? MonotonicTime::min() : holding_->valid_until;
  }
  void keep_alive_while(std::function<bool()> healthy) override {
    holding_->healthy = std::move(healthy);
    holding_->changed.notify_all();
  }

  Task<Result<void>> commit(Transaction transaction) override {
    const auto holding = holding_;
    if (holding->store->closed) co_return fail(ErrorKind::closed, "the coordination store was closed");
    if (holding->let_go) co_return fail(ErrorKind::not_found, "the lease was revoked");
    if (holding->ended()) co_return fail(ErrorKind::not_found, "the lease has ended");
    for (const auto& write : transaction.writes)
      if (write.leased) holding->nodes.insert(holding->store->layout.key(write.key));
    auto outcome = co_await zookeeper::commit(holding->store, holding->session, std::move(transaction));
    if (!outcome && outcome.error().kind == ErrorKind::closed && !holding->store->closed)
      co_return fail(ErrorKind::not_found, "the lease has ended");
    co_return outcome;
  }

  Task<Result<void>> lost() override {
    const auto holding = holding_;
    while (!holding->over()) co_await holding->changed.wait();
    if (holding->store->closed) co_return fail(ErrorKind::closed, "the coordination store was closed");
    if (holding->let_go) co_return fail(ErrorKind::closed, "the lease was revoked");
    co_return Result<void>();
  }

  Task<Result<void>> revoke() override {
    const auto holding = holding_;
    if (holding->store->closed) co_return fail(ErrorKind::closed, "the coordination store was closed");
    const MonotonicTime deadline = holding->store->deadline();
    const bool was_over = holding->ended();
    let_go(true);
    if (was_over) co_return Result<void>();
    if (!co_await holding->session->stopped(deadline))
      co_return fail(ErrorKind::timed_out,
                     "ZooKeeper did not confirm that the lease ended; it lapses by itself");
    co_return co_await gone(holding, deadline);
  }

 private:
  void let_go(bool ending) {
    if (holding_->let_go) return;
    holding_->let_go = true;
    holding_->session->stop(ending);
    holding_->store->retire(holding_->session);
    holding_->changed.notify_all();
  }

  // Waits until no node of the session is there.
  static Task<Result<void>> gone(std::shared_ptr<Holding> holding, MonotonicTime deadline) {
    const auto store = holding->store;
    const auto session = store->session;
    const int64_t owner = holding->session->id();
    if (holding->nodes.empty()) co_return Result<void>();
    for (;;) {
      std::vector<Request> requests;
      for (const auto& node : holding->nodes)
        requests.push_back({.kind = Request::Kind::exists, .path = node});
      const auto replies = co_await Store::ask_behind_barrier(store, session, std::move(requests), deadline);
      if (!replies) co_return fail(replies.error());
      if (std::ranges::none_of(*replies, [&](const Reply& reply) { return reply.stat.owner == owner; }))
        co_return Result<void>();
      if (store->shard.now() >= deadline)
        co_return fail(ErrorKind::timed_out, "ZooKeeper has not ended the lease yet; it lapses by itself");
      co_await runtime::sleep_for(kLookAgain);
    }
  }

  std::shared_ptr<Holding> holding_;
};

}  // namespace

Task<Result<std::unique_ptr<Lease>>> grant(std::shared_ptr<Store> store, Duration timeout) {
  const auto holding = std::make_shared<Holding>();
  holding->store = store;
  const MonotonicTime started = store->shard.now();
  // The session tells nobody but those who hold it.
  const std::weak_ptr<Holding> weak = holding;
  holding->session =
      std::make_shared<Session>(store->shard, store->session_options(timeout, false), [weak](const Notice&) {
        if (const auto mine = weak.lock()) mine->changed.notify_all();
      });
  store->leases.push_back(holding->session);
  std::erase_if(store->leases, [](const auto& one) { return one.expired(); });
  const bool connected = co_await holding->session->wait_connected(started + store->options.call_timeout);
  if (!connected || store->closed) {
    holding->session->stop(false);
    store->retire(holding->session);
    if (store->closed) co_return fail(ErrorKind::closed, "the coordination store was closed");
    co_return fail(ErrorKind::unavailable, "no ZooKeeper server gave a session");
  }
  holding->timeout = holding->session->timeout();
  holding->valid_until = started + believed(holding->timeout);
  if (holding->timeout != timeout) {
    store->diagnostics.emit(
        {Severity::warning,
         "coordination.lease.timeout",
         "the ZooKeeper servers made another lease timeout of what was asked (their tickTime, "
         "minSessionTimeout and maxSessionTimeout bound it); failures are noticed accordingly",
         {{"asked", text_of(timeout)}, {"negotiated", text_of(holding->timeout)}}});
  }
  store->shard.spawn(beat(holding));
  co_return std::make_unique<ZookeeperLease>(holding);
}

}  // namespace godwit::coordination::zookeeper
