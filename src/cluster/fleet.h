// What the controller knows of brokers: who registered, joined, died, is to be emptied, is not to lead. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "cluster/decisions.h"
#include "cluster/stored_control.h"

namespace godwit::cluster {

class Fleet {
 public:
  struct Broker {
    BrokerInfo info;          // of the incarnation that registered or joined last; `draining` is an order
    uint64_t registered = 0;  // the incarnation that registered last; 0: none known
    uint64_t joined = 0;      // that is alive as far as we know; 0: none
    uint64_t died = 0;        // that was declared dead last
    bool stored = false;      // it has joined some time
    bool emptied = false;     // it joined with an empty or another disk
    Uuid storage_id;          // of the data directory with which it joined last; zero: unknown
    std::vector<StoredJoined::Doubt> doubts;
    bool removing = false;  // dead for good, by an operator's order
    bool can_append = true;
    bool leaving = false;        // about to stop
    MonotonicTime dead_since;    // when it was declared dead last
    bool undecided = false;      // it could not read the tombstones yet
    bool unheard = false;        // asks no more, though its lease lives
    MonotonicTime steady_since;  // alive and able to lead since then
    std::vector<MonotonicTime>
        failures;          // in the last hour: deaths, and what kept it from leading while it lived
    bool failing = false;  // what was counted last still lasts
    // It was alive when this controller began, and has not said since whether it can append or is about to stop: that stands in no
    // store.
    bool untold = false;
    bool alive() const { return joined != 0; }
    bool may_lead() const { return alive() && can_append && !leaving && !unheard && !info.draining; }
  };

  // As the store says at the beginning.
  void load(BrokerId id, const StoredJoined& stored, MonotonicTime now, WallTime wall_now);
  // What is to be stored of it.
  StoredJoined stored(BrokerId id, MonotonicTime now, WallTime wall_now) const;

  Broker* find(BrokerId id) {
    const auto found = brokers_.find(id);
    return found == brokers_.end() ? nullptr : &found->second;
  }
  const Broker* find(BrokerId id) const {
    const auto found = brokers_.find(id);
    return found == brokers_.end() ? nullptr : &found->second;
  }
  const std::map<BrokerId, Broker>& brokers() const { return brokers_; }
  bool alive(BrokerId id, uint64_t incarnation) const {
    const Broker* const broker = find(id);
    return broker != nullptr && incarnation != 0 && broker->joined == incarnation;
  }
  // Whether this incarnation is over: declared dead, or another one is there.
  bool over(BrokerId id, uint64_t incarnation) const;

  Broker& registered(const BrokerInfo& info);
  void joined(BrokerId id, const Uuid& storage_id, bool emptied, bool can_append, MonotonicTime now);
  void died(BrokerId id, MonotonicTime now);
  // It lives, and cannot append, or does not ask any more. What comes of it before it is well again is the same failure. (One that
  // lasts while the office changes hands is counted again by the new controller, which learns of it anew.)
  void failed(BrokerId id, MonotonicTime now);
  // It appends again, or asks again.
  void recovered(BrokerId id, MonotonicTime now);
  void forget(BrokerId id) { brokers_.erase(id); }

  Eligible eligible() const;
  // As it stands in the image.
  BrokerInfo shown(BrokerId id) const;
  // From when on it may take leadership back: `after` it became steady, doubled with each further failure within an hour.
  MonotonicTime trusted_from(BrokerId id, Duration after, MonotonicTime now) const;

 private:
  std::map<BrokerId, Broker> brokers_;
};

// What it is as decisions see it, for events: "new" (it never joined), "live", "dead", "removing", and what keeps it from leading or
// from having replicas: "draining and cannot append".
std::string state_of(const Fleet::Broker& broker);
constexpr std::string_view kUnknownState = "unknown to this controller";

}  // namespace godwit::cluster
