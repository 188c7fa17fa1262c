// What the coordination object, its leases and its watches share. They hold it together; nothing of it is freed while one
// of them or one of their frames is there.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "coordination/zookeeper/change_hub.h"
#include "coordination/zookeeper/key_layout.h"
#include "coordination/zookeeper/session.h"
#include "coordination/zookeeper/zookeeper_coordination.h"

namespace godwit::coordination::zookeeper {

struct Store {
  Store(runtime::Shard& s, ZookeeperOptions o, DiagnosticSink& d)
      : shard(s),
        options(std::move(o)),
        diagnostics(d),
        layout(options.root),
        names(std::make_shared<Names>(options.servers)) {}

  SessionOptions session_options(Duration timeout, bool renewed) const;
  MonotonicTime deadline() const { return shard.now() + options.call_timeout; }
  // Remembers how far the store's history was seen.
  void saw(const NodeStat& stat);
  // From now on every call ends with `closed`; all sessions are left to lapse.
  void close();
  // Keeps a session that was told to stop until its thread has ended.
  void retire(std::shared_ptr<Session> session);
  // Makes the nodes that are not known to be there, parents first; they stay.
  static runtime::Task<Result<void>> ensure(std::shared_ptr<Store> store, std::shared_ptr<Session> session,
                                            std::vector<std::string> paths, MonotonicTime deadline);
  // As Session::ask_again, where the answers are as new as all that anybody was answered before this began (requests.h,
  // `barrier`); each says what stands there, or that nothing does. Anything else is an error of the whole.
  static runtime::Task<Result<std::vector<Reply>>> ask_behind_barrier(std::shared_ptr<Store> store,
                                                                      std::shared_ptr<Session> session,
                                                                      std::vector<Request> requests,
                                                                      MonotonicTime deadline);
  // Somebody removed nodes that stay: nothing is known any more.
  void forget_nodes() { known_nodes_.clear(); }
  // There is a new connection: what was seen on the old one may be from another life of the servers.
  void reconnected();

  runtime::Shard& shard;
  const ZookeeperOptions options;
  DiagnosticSink& diagnostics;
  const KeyLayout layout;
  const std::shared_ptr<Names> names;
  std::shared_ptr<Session> session;  // without leases; renews itself
  ChangeHub changes;
  int64_t zxid_seen = 0;
  bool closed = false;
  std::vector<std::shared_ptr<Session>> retired;
  std::vector<std::weak_ptr<Session>> leases;

 private:
  std::unordered_set<std::string> known_nodes_;
};

// What a NodeError means to whoever called.
Error error_of(NodeError error, const std::string& path);

}  // namespace godwit::coordination::zookeeper
