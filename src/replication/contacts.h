// When each broker was last heard as a follower, kept once for a shard: a follower's fetch session renews thousands
// of idle partitions with one call here instead of one for each of them.
//
//   contacts.heard(broker, incarnation, now);      // once for each Fetch request of that broker
//
// A fetch that no longer lists a partition (forgotten, or its session was closed) is told to that partition's
// LeaderReplica::on_unfollow *before* heard(): who left for another leader does not confirm the old one (rule 15).
// Must outlive the leaders that look into it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "model/broker_id.h"

namespace godwit::replication {

inline constexpr MonotonicTime kNever = MonotonicTime::min();

class Contacts {
 public:
  // A Fetch of this broker arrived. An older incarnation than the one known is ignored; a newer one replaces it.
  void heard(BrokerId broker, uint64_t incarnation, MonotonicTime now);
  // When this incarnation was last heard; kNever when it was not, or when another one came after it.
  MonotonicTime last_heard(BrokerId broker, uint64_t incarnation) const;
  // The broker is no longer registered.
  void forget(BrokerId broker);

 private:
  struct Contact {
    BrokerId broker;
    uint64_t incarnation = 0;
    MonotonicTime at;
  };
  std::vector<Contact> contacts_;  // some tens at most, in the order of their ids
};

}  // namespace godwit::replication
