// The office of controller: taking it, holding it, losing it (design-cluster rules 5, 11, 14).
//
// It is taken when nobody holds it, and when the holder is proven dead: its address refuses connections, or it was started again.
// Taking it raises the fence in the same transaction, so a holder that is alive after all writes nothing any more. While it is held,
// the controller is told who is registered and who has died.
//
// Belongs to shard 0.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "cluster/controller.h"
#include "cluster/controller_link.h"
#include "cluster/liveness.h"
#include "cluster/poll_client.h"
#include "cluster/registration.h"
#include "cluster/roster.h"

namespace godwit::cluster {

class Office {
 public:
  // Controller::open, or what a test puts in its place.
  using Open = std::function<runtime::Task<Result<std::unique_ptr<Controller>>>(
      ControllerOptions, coordination::Coordination&, runtime::Runtime&, DiagnosticSink&)>;

  // All must outlive it. `link` is told of the controller.
  struct Parts {
    coordination::Coordination& store;
    runtime::Runtime& runtime;
    DiagnosticSink& diagnostics;
    Bell& bell;
    Registration& registration;
    Roster& roster;
    Liveness& liveness;
    ControllerLink& link;
    const PollClient& known;  // what this broker knows of the cluster
  };
  Office(const MetadataOptions& options, Parts parts, Open open);
  ~Office();

  // Until the bell is closed.
  runtime::Task<void> run();

  // Null where the office is not held. Shared, so that calls under way survive its loss.
  std::shared_ptr<Controller> controller() const { return held_ ? held_->controller : nullptr; }
  // Waits while this broker is taking the office: others see who holds it before that one has read the cluster's state.
  runtime::Task<void> settled(MonotonicTime deadline);
  // Whether it is held. Any shard.
  bool holds() const { return holds_; }
  // What is wrong with the store's contents, where the controller could not open.
  const std::optional<Error>& damage() const { return damage_; }
  // News of Liveness.
  void heard(BrokerId id, uint64_t incarnation, Liveness::State state, const std::string& why);
  // Makes sure that the controller knows of this registration, if it stands in the store: a broker may ask sooner than the
  // watch tells of it.
  runtime::Task<void> learn(BrokerId id, uint64_t incarnation);
  // Gives the office up, for others to take at once, and takes it no more.
  runtime::Task<void> give_up();

 private:
  struct Held {
    std::shared_ptr<Controller> controller;
    int64_t fence = 0;
    coordination::Version fence_version = 0;
    Uuid lease;
    bool deposed = false;
    std::map<BrokerId, BrokerInfo> told;              // as registered
    std::set<std::pair<BrokerId, uint64_t>> deaths;   // told of
    std::set<std::pair<BrokerId, uint64_t>> doubted;  // being settled
    runtime::Task<void> watcher;                      // destroyed before the controller
  };
  struct Fence {
    int64_t number = 0;
    coordination::Version version = coordination::kAbsent;
  };

  // When it may be taken; empty: not, as things stand.
  std::optional<MonotonicTime> may_take();
  int rank(BrokerId holder) const;
  // From whom the office passes to this broker, and why, as the roster says now. `fence`: of the office before.
  Succession succession(int64_t fence) const;
  bool still_held() const;
  // Whether the office of this fence is this broker's, as far as is known.
  bool ours(int64_t fence, const Uuid& lease) const;
  runtime::Task<void> take();
  // In place of the office of that version; conflict: somebody else was first.
  runtime::Task<Result<Fence>> raise_fence(coordination::Version office_version);
  runtime::Task<Result<Fence>> read_fence();
  runtime::Task<void> open(Fence fence);
  runtime::Task<void> lose(std::string why);
  runtime::Task<bool> vacate(coordination::Version fence_version);
  void feed();
  runtime::Task<void> watch_deposed(Held& held);
  runtime::Task<void> tell_death(std::shared_ptr<Held> held, BrokerId id, uint64_t incarnation,
                                 std::string why);
  runtime::Task<void> settle(std::shared_ptr<Held> held, BrokerInfo broker);
  MonotonicTime now() const { return parts_.runtime.shard(0).now(); }

  const MetadataOptions options_;
  Parts parts_;
  Open open_;
  std::shared_ptr<Held> held_;
  std::atomic<bool> holds_ = false;  // there is one, for other shards
  bool taking_ = false;
  struct Refused {
    uint64_t incarnation = 0;
    std::string why;
  };
  std::map<BrokerId, Refused> refused_;
  std::optional<Error> damage_;
  // The highest that a broker was heard to know, while this one held the office under a lower one.
  int64_t later_fence_ = 0;
  // Since when the holder of that version is known to be dead: from then the turns of the others count.
  std::optional<std::pair<coordination::Version, MonotonicTime>> dead_holder_;
  // Of the office that was taken last, or tried to.
  Succession succession_;
  std::string lost_why_;  // the office that this broker held last
  // The newest fence under which a controller wrote here: none is opened under it again, for the old one's writes may still be
  // under way.
  int64_t opened_fence_ = -1;
  // Others go first: this broker was cut off from most when it held the office last.
  MonotonicTime away_until_ = MonotonicTime::min();
  // The fence of that office, while its key may still stand in the store.
  std::optional<coordination::Version> to_vacate_;
  bool leaving_ = false;
  bool left_ = false;
  runtime::Gate gate_;
};

}  // namespace godwit::cluster
