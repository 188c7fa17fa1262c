// One attempt at one etcd endpoint, in plain types: gRPC stays behind this header.
//
//   Wire wire(shard, {.endpoints = {{"10.0.0.1", 2379}}});
//   auto page = co_await wire.range(0, {.key = "/a", .end = "/b", .limit = 100});
//   if (!page && page.error().kind == Failure::Kind::unknown) …   // it may have happened
//
// Belongs to one shard, which must outlive it; gRPC's own threads post to that shard. A task that is destroyed while it
// waits cancels its call. Retrying, choosing an endpoint and what an outcome means to callers are session.h's.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordination/coordination.h"
#include "runtime/shard.h"
#include "runtime/stream.h"
#include "runtime/sync.h"

namespace godwit::coordination::etcd {

// Why an attempt gave no answer.
struct Failure {
  enum class Kind {
    not_sent,   // there is no connection: nothing happened
    busy,       // refused without being looked at (no leader, overload): nothing happened
    token,      // the token is missing or no longer valid: nothing happened
    unknown,    // sent, and no answer came: it may have happened
    denied,     // wrong user, password or rights
    compacted,  // the revision that was asked for is gone
    too_large,  // the answer is larger than is accepted
    not_found,  // no such lease or member
    no_space,   // the engine's quota is used up
    refused,    // anything else that the engine said no to
    closed,     // by close()
  };
  Kind kind;
  std::string message;
};

template <class T>
using Reply = tl::expected<T, Failure>;

struct Done {};

struct RangeAsk {
  std::string key;
  std::string end;       // empty: the one key
  int64_t limit = 0;     // entries; 0: all
  int64_t revision = 0;  // 0: what is committed now (linearizable)
};
struct RangePage {
  std::vector<KeyValue> entries;  // keys as they stand in etcd
  bool more = false;
  int64_t revision = 0;
};
struct TransactionReply {
  bool succeeded = false;  // false: a condition does not hold
  int64_t revision = 0;
};
struct LeaseReply {
  int64_t id = 0;
  Duration timeout{};  // zero or less: there is no such lease (any more)
  int64_t revision = 0;
};
struct StatusReply {
  uint64_t cluster = 0;
  uint64_t member = 0;
  uint64_t leader = 0;  // 0: none is known
  int64_t database_bytes = 0;
  uint64_t raft_index = 0;
  std::vector<std::string> faults{};  // in its own words: alarms, "etcdserver: no leader"
};
struct MemberReply {
  uint64_t id = 0;
  std::string name;  // empty: it was added and has not started yet
  std::vector<std::string> peers;
};

// What a watch stream says.
struct WatchNews {
  enum class Kind { created, changed, cancelled, alive, ended };
  Kind kind;
  // As given to create(). Of `cancelled`, kNoWatch where etcd refused a watch without saying which: one of those that were
  // asked for last (a token that is not valid any more, or rights that are missing).
  int64_t watch = 0;
  static constexpr int64_t kNoWatch = -1;
  int64_t revision = 0;
  std::optional<Failure> why;  // of cancelled and ended
};
// Touched on the shard only.
struct WatchInbox {
  std::deque<WatchNews> news;
  runtime::Condition bell;
};

// A stream of watches at one endpoint. Destroying it ends it; nothing comes to the inbox afterwards but what is posted
// already.
class WatchStream {
 public:
  virtual ~WatchStream() = default;
  // `start`: the first revision to tell of; 0: from now on. Ids are the caller's, each used once on a stream.
  virtual void create(int64_t id, std::string key, std::string end, int64_t start) = 0;
  virtual void cancel(int64_t id) = 0;
  // Asks the endpoint for a sign of life: `alive` follows.
  virtual void ask_progress() = 0;
};

struct WireOptions {
  std::vector<runtime::Endpoint> endpoints;
  bool tls = false;
  // PEM texts. Without a certificate authority the system's are trusted.
  std::string authority;
  std::string certificate;
  std::string key;
  Duration attempt_timeout = std::chrono::milliseconds(500);  // of each call
};

class Wire {
 public:
  Wire(runtime::Shard& shard, WireOptions options);
  // Cancels what is under way and waits until gRPC's threads have let go of it.
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  size_t endpoint_count() const;
  const runtime::Endpoint& endpoint(size_t index) const;
  // Sent with each later call; empty: none.
  void set_token(std::string token);
  // All calls under way and to come end with Failure::Kind::closed.
  void close();
  bool closed() const;

  // Well when there is a connection; makes one where there is none. not_sent otherwise. What is sent next either arrives
  // or its outcome is unknown.
  runtime::Task<Reply<Done>> connected(size_t endpoint);

  runtime::Task<Reply<RangePage>> range(size_t endpoint, RangeAsk ask);
  // Keys get `prefix` before them. Leased writes get `lease`.
  runtime::Task<Reply<TransactionReply>> transact(size_t endpoint, const Transaction& transaction,
                                                  const std::string& prefix, int64_t lease);
  runtime::Task<Reply<LeaseReply>> grant(size_t endpoint, Duration timeout);
  runtime::Task<Reply<LeaseReply>> keep_alive(size_t endpoint, int64_t lease);
  // What is left of the lease, without renewing it.
  runtime::Task<Reply<LeaseReply>> time_to_live(size_t endpoint, int64_t lease);
  runtime::Task<Reply<Done>> revoke(size_t endpoint, int64_t lease);
  std::unique_ptr<WatchStream> watch(size_t endpoint, std::shared_ptr<WatchInbox> inbox);

  runtime::Task<Reply<std::string>> authenticate(size_t endpoint, std::string user, std::string password);
  // For tests: forgets all before `revision`.
  runtime::Task<Reply<Done>> compact(size_t endpoint, int64_t revision);
  // For tests: asks for a password from now on; `root` with `password` may do everything.
  runtime::Task<Reply<Done>> enable_auth(size_t endpoint, std::string password);

  runtime::Task<Reply<StatusReply>> status(size_t endpoint);
  // Answered by the endpoint's own knowledge.
  runtime::Task<Reply<std::vector<MemberReply>>> members(size_t endpoint);
  // All members with the new one among them.
  runtime::Task<Reply<MemberReply>> add_member(size_t endpoint, std::string peer_url);
  runtime::Task<Reply<Done>> remove_member(size_t endpoint, uint64_t member);
  // The endpoint must be the leader.
  runtime::Task<Reply<Done>> move_leader(size_t endpoint, uint64_t to);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace godwit::coordination::etcd
