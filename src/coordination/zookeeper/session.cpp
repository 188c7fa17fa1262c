#include "coordination/zookeeper/session.h"

#include <algorithm>
#include <utility>

namespace godwit::coordination::zookeeper {
namespace {

using runtime::Shard;
using runtime::Task;

// Requests under way; more are refused, so that a server that hangs does not fill the memory.
constexpr size_t kUnderWayMax = 8192;
constexpr Duration kTryAgain = std::chrono::milliseconds(10);

// What went wrong for all of a batch; nothing when each reply speaks for itself.
std::optional<NodeError> common_error(const std::vector<Reply>& replies) {
  for (const Reply& reply : replies) {
    switch (reply.error) {
      case NodeError::not_sent:
      case NodeError::lost:
      case NodeError::session_ended:
      case NodeError::closing:
        return reply.error;
      default:
        break;
    }
  }
  return std::nullopt;
}

}  // namespace

std::shared_ptr<Session::State> Session::make_state(Listener listener, bool renewed) {
  auto state = std::make_shared<State>();
  state->listener = std::move(listener);
  state->renewed = renewed;
  state->since = Shard::current()->now();
  return state;
}

Session::Session(Shard& shard, SessionOptions options, Listener listener)
    : state_(make_state(std::move(listener), options.renewed)),
      thread_(std::move(options), [&shard, weak = std::weak_ptr(state_)](Notice notice) {
        shard.post([weak, notice = std::move(notice)] {
          if (notice.batch) {
            notice.batch->answered = true;
            notice.batch->arrived.notify_all();
          }
          if (const auto state = weak.lock()) handle(*state, notice);
        });
      }) {
  state_->thread = &thread_;
}

Session::~Session() {
  state_->stopping = true;
  state_->stopped = true;
  state_->connected = false;
  state_->thread = nullptr;
  state_->listener = nullptr;
  state_->changed.notify_all();
}

void Session::handle(State& state, const Notice& notice) {
  switch (notice.kind) {
    case Notice::Kind::answered:
      state.under_way -= std::min(state.under_way, notice.batch->requests.size());
      return;
    case Notice::Kind::connected:
      state.connected = true;
      state.since = Shard::current()->now();
      state.id = notice.session_id;
      state.timeout = notice.timeout;
      break;
    case Notice::Kind::disconnected:
      state.connected = false;
      state.since = Shard::current()->now();
      break;
    case Notice::Kind::ended:
      state.ended = !state.renewed;
      break;
    case Notice::Kind::stopped:
      state.stopped = true;
      break;
    case Notice::Kind::node_changed:
      break;
  }
  state.changed.notify_all();
  if (state.listener) state.listener(notice);
}

void Session::stop(bool ending) {
  state_->stopping = true;
  state_->changed.notify_all();
  thread_.stop(ending);
}

Task<bool> Session::stopped(MonotonicTime deadline) {
  const auto state = state_;
  while (!state->stopped)
    if (!co_await state->changed.wait_until(deadline)) co_return state->stopped;
  co_return true;
}

Task<bool> Session::wait_connected(MonotonicTime deadline) {
  const auto state = state_;
  while (!state->connected && !state->stopping && !state->ended)
    if (!co_await state->changed.wait_until(deadline)) break;
  co_return state->connected;
}

Task<Result<std::vector<Reply>>> Session::ask(std::vector<Request> requests, MonotonicTime deadline) {
  return ask(state_, std::move(requests), deadline, false);
}

Task<Result<std::vector<Reply>>> Session::ask_again(std::vector<Request> requests, MonotonicTime deadline) {
  return ask(state_, std::move(requests), deadline, true);
}

Task<Result<std::vector<Reply>>> Session::ask(std::shared_ptr<State> state, std::vector<Request> requests,
                                              MonotonicTime deadline, bool again) {
  Shard& shard = *Shard::current();
  for (;;) {
    while (!state->connected && !state->stopping && !state->ended) {
      if (!co_await state->changed.wait_until(deadline))
        co_return fail(ErrorKind::unavailable, "no ZooKeeper server can be reached");
    }
    if (state->stopping) co_return fail(ErrorKind::closed, "the coordination store was closed");
    if (!state->connected) co_return fail(ErrorKind::not_found, "the session with ZooKeeper ended");
    if (state->under_way + requests.size() > kUnderWayMax)
      co_return fail(ErrorKind::unavailable, "too many requests to ZooKeeper are under way");
    const auto batch = std::make_shared<Batch>();
    batch->requests = requests;
    state->under_way += requests.size();
    state->thread->submit(batch);
    while (!batch->answered) {
      if (!co_await batch->arrived.wait_until(deadline) && !batch->answered)
        co_return fail(ErrorKind::timed_out, "ZooKeeper did not answer in time");
    }
    const auto error = common_error(batch->replies);
    if (!error) co_return std::move(batch->replies);
    if (state->stopping) co_return fail(ErrorKind::closed, "the coordination store was closed");
    if (*error == NodeError::session_ended && !state->renewed)
      co_return fail(ErrorKind::not_found, "the session with ZooKeeper ended");
    // A batch may be sent in part; only one of which nothing was is sent again for whoever may not repeat.
    const bool nothing_sent =
        std::ranges::all_of(batch->replies, [](const Reply& r) { return r.error == NodeError::not_sent; });
    if (!nothing_sent && !again)
      co_return fail(ErrorKind::io, "the connection to ZooKeeper was lost before the answer");
    if (shard.now() >= deadline)
      co_return fail(ErrorKind::unavailable, "the connection to ZooKeeper was lost");
    co_await runtime::sleep_for(kTryAgain);
  }
}

}  // namespace godwit::coordination::zookeeper
