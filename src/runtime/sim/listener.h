// What waits to be accepted, and a connection that is being made.
#pragma once

#include <deque>

#include "runtime/sim/connection.h"

namespace godwit::runtime::sim {

class ListenerState {
 public:
  enum class Scope { any, loopback, outside };
  Node* node = nullptr;
  SimShard* shard = nullptr;
  Endpoint local;
  Scope scope = Scope::any;
  ListenOptions options;
  bool open = true;
  std::deque<std::shared_ptr<Connection>> backlog;
  ReadyNode* acceptor = nullptr;
};

struct PendingConnect {
  Node* from = nullptr;
  Node* to = nullptr;
  SimShard* shard = nullptr;
  Endpoint target;
  bool loopback = false;
  bool done = false;
  std::optional<Error> error;
  std::shared_ptr<Connection> connection;
  ReadyNode* waiter = nullptr;

  EventId timeout;

  void finish(std::optional<Error> why) {
    if (done) return;
    done = true;
    error = std::move(why);
    from->world().cancel(timeout, nullptr);
    wake(shard, waiter);
  }
};

}  // namespace godwit::runtime::sim
