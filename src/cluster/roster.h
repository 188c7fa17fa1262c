// Who is registered and who holds the office, as the coordination store said last; and whether the store can be reached.
// Level triggered: a change that a watch tells of, somebody's wish, or the passing of a second leads to reading everything anew.
//
// Belongs to one shard.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/diagnostic.h"
#include "cluster/bell.h"
#include "cluster/stored_broker.h"
#include "coordination/coordination.h"

namespace godwit::cluster {

class Roster {
 public:
  // All must outlive it. After a gap of `session_timeout` without an answer the store counts as having been away.
  Roster(coordination::Coordination& store, Bell& bell, DiagnosticSink& diagnostics,
         Duration session_timeout);
  ~Roster();

  // Reads and reads again until the bell is closed; rings it when something is different.
  runtime::Task<void> run();
  // Returns once a read that began after the call has ended, well or not.
  runtime::Task<void> refresh();

  // After the bell was closed: ends run() at once.
  void wake() { wish_.notify_all(); }

  // Whether it was ever read.
  bool known() const { return known_; }
  bool reachable() const { return reachable_; }
  // Since when the store answers without a gap. Requires reachable().
  MonotonicTime back_since() const { return back_since_; }
  // Reads that ended well.
  uint64_t reads() const { return reads_; }
  const std::map<BrokerId, Registered>& brokers() const { return brokers_; }
  const std::optional<Holder>& holder() const { return holder_; }
  // Of the office's key, whoever wrote it; kAbsent: there is none. Where it does not decode nobody is known to hold the office.
  coordination::Version office_version() const { return office_version_; }

  // Who held the office before it was seen vacant or in other hands; empty: nobody was ever seen to.
  struct Past {
    Holder holder;
    // Its registration stood when the office was seen vacant: it gave the office up. False: its lease was over by then, whichever
    // of the two came first.
    bool lives = false;
  };
  const std::optional<Past>& past() const { return past_; }

  // Null when it is not registered.
  const Registered* find(BrokerId id) const {
    const auto found = brokers_.find(id);
    return found == brokers_.end() ? nullptr : &found->second;
  }

 private:
  runtime::Task<void> listen(coordination::Watch& watch);
  runtime::Task<Result<void>> read();
  void tell_damage(const Error& error);

  coordination::Coordination& store_;
  Bell& bell_;
  DiagnosticSink& diagnostics_;
  Duration session_timeout_;

  bool known_ = false;
  bool reachable_ = false;
  MonotonicTime back_since_{};
  MonotonicTime last_read_{};
  uint64_t reads_ = 0;
  std::map<BrokerId, Registered> brokers_;
  std::optional<Holder> holder_;
  coordination::Version office_version_ = coordination::kAbsent;
  std::optional<Past> past_;
  std::set<std::string> told_;  // of what damage the operator was told

  // Reads that were asked for, and up to which of them were carried out.
  uint64_t asked_ = 1;
  uint64_t answered_ = 0;
  runtime::Condition wish_;
  runtime::Condition done_;

  // Destroyed in this order: those who listen, what they listen to.
  std::unique_ptr<coordination::Watch> office_watch_;
  std::unique_ptr<coordination::Watch> brokers_watch_;
  runtime::Task<void> office_listener_;
  runtime::Task<void> brokers_listener_;
};

}  // namespace godwit::cluster
