// This broker's registration: the cluster it belongs to, its incarnation, its lease, and its key in the coordination store
// (design-cluster rules 1 to 3). Kept for as long as the broker runs: a lease that ended (the store was gone, the process
// slept) is followed by another one, and the broker registers again under the same incarnation.
//
// Belongs to shard 0; holds() may be asked on any shard.
#pragma once

#include <atomic>
#include <memory>

#include "cluster/bell.h"
#include "cluster/metadata.h"
#include "cluster/patience.h"
#include "cluster/roster.h"
#include "cluster/stored_broker.h"

namespace godwit::cluster {

class Registration {
 public:
  Registration(const MetadataOptions& options, coordination::Coordination& store, runtime::Runtime& runtime,
               Bell& bell, const Roster& roster, DiagnosticSink& diagnostics);
  ~Registration();

  // Claims or checks the cluster id. As begin(), of which it is the first step.
  runtime::Task<Result<void>> claim_cluster();
  // Claims or checks the cluster id, takes an incarnation, registers. Waits while the store has no quorum. Errors: conflict
  // (another cluster, a forgetful store, the broker id is in use; the message says what to do), corrupt (a key is
  // named), unsupported (the cluster works at a feature level that this build does not take), closed.
  runtime::Task<Result<void>> begin();
  // Keeps the registration until the bell is closed or end() was called.
  runtime::Task<void> run();
  // This incarnation was declared dead: registers again under a new one. Nothing happens where it has another by now.
  void renew(uint64_t incarnation);
  // Gives the registration up: the lease is revoked, and no other is granted.
  runtime::Task<void> end();

  // Whether the lease is believed to hold. One that was taken anew after a loss counts a second later: who hung or was cut off
  // hears first what became of what it led. Any shard.
  bool holds() const;
  // The same to the instant, on shard 0.
  bool holds_now() const;
  MonotonicTime valid_until() const;
  // Whether the key stands in the store, as far as is known.
  bool registered() const { return registered_; }
  // Whether this incarnation ever stood there: also while the lease is lost the controller may take it for alive.
  bool announced() const { return announced_ == self_.incarnation && !ended_; }
  // Null when there is none. Shared, so that a commit under way survives the lease's replacement.
  std::shared_ptr<coordination::Lease> lease() const { return lease_; }
  // Names this lease in what hangs on it.
  const Uuid& lease_name() const { return lease_name_; }
  const std::string& cluster_id() const { return cluster_id_; }
  const BrokerInfo& self() const { return self_; }
  uint64_t incarnation() const { return self_.incarnation; }
  // Whether renew() was told of this one of its incarnations, or of a later one. Any shard.
  bool declared_dead(uint64_t incarnation) const { return incarnation <= declared_dead_.load(); }
  // The version of /cluster with our cluster's id, as a condition of what must not be written into another store. Errors: those
  // of the store; conflict (the store has forgotten the cluster, or belongs to another one).
  runtime::Task<Result<coordination::Version>> cluster_version();

 private:
  runtime::Task<Result<void>> take_incarnation();
  // Until it stands in the store; at runtime errors are told and waited out.
  runtime::Task<Result<void>> enroll(bool at_start);
  runtime::Task<Result<void>> enroll_once(bool at_start);
  runtime::Task<Result<void>> ensure_lease();
  // What is said and done where somebody else has the key; empty: it may be replaced.
  std::optional<Error> occupied(const Registered& other, bool at_start, Duration timeout);
  runtime::Task<void> listen(std::shared_ptr<coordination::Lease> lease);
  void drop_lease();
  void mirror();
  bool over() const { return bell_.closed() || ended_; }

  const MetadataOptions options_;
  coordination::Coordination& store_;
  runtime::Shard& shard_;
  Bell& bell_;
  const Roster& roster_;
  DiagnosticSink& diagnostics_;
  Patience patience_;

  BrokerInfo self_;
  std::string cluster_id_;
  bool registered_ = false;
  uint64_t announced_ = 0;
  uint64_t checked_reads_ = 0;
  bool renew_ = false;
  bool ended_ = false;
  bool told_occupied_ = false;
  // The key of another storage was seen first at this time, without a gap of the store since.
  std::optional<MonotonicTime> occupied_since_;

  std::shared_ptr<coordination::Lease> lease_;
  Uuid lease_name_;
  bool lease_lost_ = false;
  bool held_ = false;  // when mirror() looked last
  runtime::Task<void> listener_;
  std::atomic<int64_t> valid_until_ns_{INT64_MIN};
  std::atomic<uint64_t> declared_dead_{0};  // the newest of which renew() was told
  std::atomic<int64_t> counts_from_ns_{INT64_MIN};
};

}  // namespace godwit::cluster
