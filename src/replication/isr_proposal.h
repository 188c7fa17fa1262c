// What a leader asks the controller for: another in-sync set for its partition (design-cluster rule 4; Kafka's
// AlterPartition, with the incarnations of KIP-903).
#pragma once

#include <cstdint>
#include <vector>

#include "model/broker_id.h"
#include "model/epoch.h"

namespace godwit::replication {

struct IsrMember {
  BrokerId id;
  // Under which the leader knows it; 0: it was not heard yet. The controller compares it for who joins, with the
  // registered one (a joiner always has one). Who is in the key's ISR already may stay, live or not, whatever process
  // it is: whose disk was lost is taken out at its registration (rule 2), which raises the version.
  uint64_t incarnation = 0;
  friend bool operator==(const IsrMember&, const IsrMember&) = default;
};

struct IsrProposal {
  uint64_t id = 0;      // for LeaderReplica::on_answer; never used twice by one leader
  LeaderEpoch epoch;    // the controller refuses any other than the key's
  int64_t version = 0;  // the key's version that this is meant to replace; the controller refuses any other
  std::vector<IsrMember> isr;  // the wanted set, in the order of the replicas; holds the leader itself
};

enum class IsrOutcome {
  accepted,  // written. The key's version rose, *even where the ISR is the same as before*: an equal set is how a
             // leader makes sure that an earlier request with an unknown outcome is not written any more
  stale,       // refused: the key has another version; the published state is on its way
  ineligible,  // refused: a joiner is not live, is another incarnation, or must not join (draining, fenced)
  unknown,     // no answer, lost connection, another controller, time over: it may be written now or later
};

}  // namespace godwit::replication
