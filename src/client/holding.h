// What a member of a group has: its partitions, and for each what it was given, what of that is done, and whether the end
// was seen.
//
//   Holding held;
//   held.assigned({{"orders", 0}});
//   held.given({"orders", 0}, 99);
//   held.given();                     {orders-0: 100}: to be committed, until committed() says that it is
//   held.revoked({{"orders", 0}});    nothing of it counts any more
//
// All of it belongs to one assignment. A partition that was away may have been carried further by another member: to
// commit what was read before it went would take the group back. So everything about a partition goes with it.
//
// No lock of its own.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "godwit/reader.h"

namespace godwit::client {

class Holding {
 public:
  // Where the group goes on, for each partition: the offset after the last record.
  using Progress = std::map<TopicPartition, int64_t>;

  // These were added; none at all is an assignment, too.
  void assigned(const std::vector<TopicPartition>& partitions);
  void revoked(const std::vector<TopicPartition>& partitions);
  // Whether the group let this member in, with or without partitions.
  bool joined() const { return joined_; }
  bool has(const TopicPartition& partition) const { return partitions_.contains(partition); }
  std::vector<TopicPartition> partitions() const { return {partitions_.begin(), partitions_.end()}; }

  // A record of it has come, which need not have been given to anybody yet: this is not its end.
  void came(const TopicPartition& partition) { ended_.erase(partition); }
  // A record at `offset` was handed out, or is done. Of a partition that is not held: nothing happens.
  void given(const TopicPartition& partition, int64_t offset);
  void done(const TopicPartition& partition, int64_t offset);
  // The end was seen: nothing more is there for now.
  void ended(const TopicPartition& partition);
  bool at_end() const;

  // What is not committed yet.
  const Progress& given() const { return given_; }
  const Progress& done() const { return done_; }
  void committed(const TopicPartition& partition, int64_t offset);

 private:
  bool joined_ = false;
  std::set<TopicPartition> partitions_;
  std::set<TopicPartition> ended_;
  Progress given_;
  Progress done_;
};

}  // namespace godwit::client
