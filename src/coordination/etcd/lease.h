// A lease of etcd and what keeps it alive.
#pragma once

#include <memory>

#include "coordination/etcd/session.h"

namespace godwit::coordination::etcd {

// Shared by the holder's object and the loop that sends keep-alives. On one shard.
struct LeaseState {
  int64_t id = 0;
  Duration timeout{};  // negotiated
  MonotonicTime valid_until{};
  std::function<bool()> healthy;
  bool expired = false;    // the engine said so
  bool revoked = false;    // by the holder
  bool abandoned = false;  // the holder's object is gone
  bool closed = false;     // the client was
  runtime::Condition changed;

  bool over() const { return expired || revoked || abandoned || closed; }
};

// Sends keep-alives every third of the timeout while the holder is healthy; ends when the lease is over. `wire` and
// `session` must outlive the task.
runtime::Task<void> keep_alive(Wire& wire, Session& session, std::shared_ptr<LeaseState> lease);

}  // namespace godwit::coordination::etcd
