// A session with ZooKeeper, as a shard sees it: requests are awaited, what happens to the session is told.
//
//   auto replies = co_await session->ask({{.kind = Request::Kind::sync, .path = root}, …}, deadline);
//
// Belongs to one shard, which must outlive it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "coordination/zookeeper/requests.h"
#include "coordination/zookeeper/session_thread.h"
#include "runtime/shard.h"

namespace godwit::coordination::zookeeper {

class Session {
 public:
  // Called on the shard, with every notice but `answered`.
  using Listener = std::function<void(const Notice&)>;

  Session(runtime::Shard& shard, SessionOptions options, Listener listener);
  // Leaves the session to lapse. Waits for the thread's end (milliseconds): await stopped() before where the shard must not
  // wait.
  ~Session();

  // Waits for a connection, sends all requests in one go and gives the answers in their order; each reply says what became
  // of it, but for what concerns all: unavailable (not sent: no connection until the deadline, or too much under way),
  // io (the connection went: unknown whether any of it happened), timed_out (no answer until the deadline: unknown),
  // not_found (the session ended), closed.
  runtime::Task<Result<std::vector<Reply>>> ask(std::vector<Request> requests, MonotonicTime deadline);
  // As ask, for requests that may be repeated: goes on after a lost connection, and gives unavailable for io.
  runtime::Task<Result<std::vector<Reply>>> ask_again(std::vector<Request> requests, MonotonicTime deadline);

  bool connected() const { return state_->connected; }
  // Whether a session that is not renewed ended.
  bool ended() const { return state_->ended; }
  // Since when connected() is what it is.
  MonotonicTime since() const { return state_->since; }
  // Of the last connection; 0 and nothing before the first.
  int64_t id() const { return state_->id; }
  Duration timeout() const { return state_->timeout; }
  // As SessionThread's.
  void serve_for(Duration duration) { thread_.serve_for(duration); }
  // As SessionThread's; requests under way end with `closed`.
  void stop(bool ending);
  bool has_stopped() const { return state_->stopped; }
  // Waits until the handle is gone after stop(); false when `deadline` came first.
  runtime::Task<bool> stopped(MonotonicTime deadline);
  // Waits until connected(); false when the deadline came first, or the session stopped or ended.
  runtime::Task<bool> wait_connected(MonotonicTime deadline);

 private:
  // What frames hold that outlive the session.
  struct State {
    Listener listener;
    SessionThread* thread = nullptr;
    bool renewed = true;
    bool connected = false;
    bool ended = false;
    bool stopping = false;
    bool stopped = false;
    MonotonicTime since{};
    int64_t id = 0;
    Duration timeout{};
    size_t under_way = 0;  // requests
    runtime::Condition changed;
  };
  static std::shared_ptr<State> make_state(Listener listener, bool renewed);
  static void handle(State& state, const Notice& notice);
  static runtime::Task<Result<std::vector<Reply>>> ask(std::shared_ptr<State> state,
                                                       std::vector<Request> requests, MonotonicTime deadline,
                                                       bool again);

  std::shared_ptr<State> state_;
  SessionThread thread_;
};

}  // namespace godwit::coordination::zookeeper
