// Where a member answers for itself while no etcd stands at its peers' port, and how others are asked.
//
//   auto door = co_await Door::open(network, endpoint);
//   gate.spawn(shard, (*door)->serve([&] { return own; }));
//   const Heard heard = co_await ask_door(network, other, 500ms);
//
// It speaks as much HTTP/1.0 as it takes to get an answer from an etcd too (which says 404, or ends the connection without a
// word where it wants TLS), and so that an operator may look: curl http://HOST:PORT/godwit/formation.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "coordination/etcd/managed/formation.h"
#include "runtime/stream.h"
#include "runtime/sync.h"

namespace godwit::coordination::etcd {

// Listens at `at`; on one shard. Errors as Network::listen's.
class Door {
 public:
  static runtime::Task<Result<std::unique_ptr<Door>>> open(runtime::Network& network, runtime::Endpoint at);
  ~Door();
  // Answers with what `state` gives, until close().
  runtime::Task<void> serve(std::function<MemberState()> state);
  // The port is free when this returns; serve() ends.
  runtime::Task<void> close();

 private:
  explicit Door(std::unique_ptr<runtime::Listener> listener) : listener_(std::move(listener)) {}
  struct Visit;
  static runtime::Task<void> answer(std::shared_ptr<Visit> visit, std::string text);

  std::unique_ptr<runtime::Listener> listener_;
  std::vector<std::weak_ptr<Visit>> open_;
  runtime::Gate visits_;
};

// Silence when nobody accepts or answers within `timeout`; Mute when the connection was made and ended without an answer;
// SomethingElse when what answers is no door.
runtime::Task<Heard> ask_door(runtime::Network& network, runtime::Endpoint at, Duration timeout);

}  // namespace godwit::coordination::etcd
