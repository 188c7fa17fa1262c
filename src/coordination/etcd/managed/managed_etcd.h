// The etcd member beside a broker: formed, started, found again, replaced and stopped without an operator.
//
//   auto managed = co_await ManagedEtcd::start(runtime, processes, {.address = …, .broker = BrokerId(1), …}, diagnostics);
//   auto store = co_await EtcdCoordination::open(runtime, (*managed)->client("/godwit/main"), diagnostics);
//   …
//   co_await store->close();
//   co_await (*managed)->stop();
//
// start() does not wait: while the members cannot form or have no majority, the store's calls are unavailable, and
// diagnostics say for whom it waits. The member is a process in a session of its own: kill -9 of the broker leaves it
// running, and the next start adopts it. formation.h has the rules by which a cluster forms once.
//
// On one shard. Folder: member.a, member.b (what is remembered), data/ (etcd's), output (what etcd printed),
// output.1 (what it printed before).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "coordination/engine_member.h"
#include "coordination/etcd/etcd_coordination.h"
#include "coordination/etcd/managed/member_command.h"
#include "runtime/process.h"
#include "runtime/runtime.h"

namespace godwit::coordination {

struct ManagedEtcdOptions {
  ManagedEtcdAddress address;
  BrokerId broker;      // one of the address's
  std::string folder;   // for this alone; absolute; made when missing (its parent exists)
  std::string cluster;  // godwit's name of the cluster: one line
  etcd::MemberSettings settings{};
  // Of what etcd prints so much is kept, and as much again in the file beside it.
  uint64_t output_bytes_max = 16 << 20;
};

// The member that an earlier process of this broker left running in that folder; null: none. Does not wait. Whoever asks in order
// to end it keeps other brokers from the folder, by a lock: it is one's own, not that of a broker that lives.
std::unique_ptr<runtime::Process> find_member(runtime::Processes& processes, const std::string& folder);
// Asks it to end, and after 2 s ends it. Returns when it is gone; `member` stays until then.
runtime::Task<void> end_member(runtime::Process& member);

class ManagedEtcd {
 public:
  // `runtime`, `processes` and `diagnostics` must outlive it. Errors: invalid (the broker is not in the list), corrupt (the
  // record of the member is damaged, or lies not beside its data: nothing was changed), io, permission, no_space.
  static runtime::Task<Result<std::unique_ptr<ManagedEtcd>>> start(runtime::Runtime& runtime,
                                                                   runtime::Processes& processes,
                                                                   ManagedEtcdOptions options,
                                                                   DiagnosticSink& diagnostics);
  // Without stop(): leaves the member running, as a crash does. What is under way must have ended with the shard.
  ~ManagedEtcd();

  // For EtcdCoordination: this broker's own member first.
  EtcdOptions client(std::string prefix) const;
  // Whether the member has answered since it was started or adopted here.
  bool answers() const;
  // The running member; number 0: none.
  runtime::ProcessIdentity process() const;

  // Every member, in the order of the list, as it is seen from here: each is asked, all at once, for about a second at most. Who asks often
  // is told what was seen up to half a second ago. Not after stop() has begun.
  runtime::Task<std::vector<EngineMember>> members() const;

  // Ends the member in order: hands etcd's leadership over (at most 2 s), asks it to end, and after 2 s ends it. Also
  // when all members stop at once, and at every moment of the member's own start: before it answers, while it waits for
  // others, one that an earlier process left running. Returns when it is gone; nothing is left running. May be called
  // again, also while it is under way.
  runtime::Task<void> stop();
  // Ends the member at once (SIGKILL), and starts no other, for a process that ends now: nothing is waited for or written. What
  // the member acknowledged is on its disk, and the next start finds that it does not run.
  void kill();
  // Ends the watching alone and leaves the member running, for a process that is about to be replaced by its next build.
  runtime::Task<void> leave();

 private:
  struct Core;
  explicit ManagedEtcd(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace godwit::coordination
