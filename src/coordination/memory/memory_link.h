// What a MemoryServer and its clients share: a client's connection, and a call on its way.
#pragma once

#include <functional>
#include <string>

#include "coordination/memory/memory_engine.h"
#include "runtime/shard.h"
#include "runtime/sync.h"

namespace godwit::coordination {

// How a client reaches the server.
struct Link {
  std::string
      node;  // whom MemoryServer::cut() names; several clients may share it (a process and its next start)
  // What a message takes, each way: uniform in [min, max].
  Duration delay_min = std::chrono::microseconds(300);
  Duration delay_max = std::chrono::milliseconds(3);
};

enum class CallKind : uint8_t { get, list, commit, grant, keep_alive, revoke, watch };
constexpr size_t kCallKinds = 7;

// A call outlives whoever made it: what a process sent before it died may still be carried out.
struct MemoryCall : runtime::ListNode {
  enum class Outcome : uint8_t {
    under_way,
    answered,     // `apply` has run, once, and left the answer where the caller finds it
    not_applied,  // `apply` never runs
    unknown,      // it may have run, and may run yet
  };
  CallKind kind = CallKind::get;
  MonotonicTime deadline{};
  // At the server: does what is asked; gives the keys that changed.
  std::function<MemoryEngine::Keys(MemoryEngine&, MonotonicTime now)> apply;

  // On the client's shard alone.
  Outcome outcome = Outcome::under_way;
  runtime::Condition told;
};

// A client as its server sees it. It goes with the client's process (its frames and objects at a crash): the server holds
// it weakly and reaches it only by a post to its shard.
class MemoryPeer {
 public:
  MemoryPeer(runtime::Shard& shard, Link link) : shard_(shard), link_(std::move(link)) {}
  virtual ~MemoryPeer() = default;
  MemoryPeer(const MemoryPeer&) = delete;
  MemoryPeer& operator=(const MemoryPeer&) = delete;

  runtime::Shard& shard() const { return shard_; }
  const Link& link() const { return link_; }
  virtual bool watching() const = 0;

  // On the client's shard: the keys were changed by change number `change`; anything may have changed.
  virtual void tell(const MemoryEngine::Keys& keys, uint64_t change) = 0;
  virtual void tell_all() = 0;

 private:
  runtime::Shard& shard_;
  Link link_;
};

}  // namespace godwit::coordination
