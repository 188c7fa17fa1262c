// Gives out ids to idempotent producers, from blocks reserved ahead in the coordination store. What is left of a block
// is dropped at a restart.
//
// No id is given out twice in a cluster (two producers under one would have their batches taken for each other's repetitions,
// and lose them). An id is
//
//   bit 63: 0 | 31 bits drawn at random with each block, not all 0 | the low 32 bits of the store's counter
//
// - As long as the store forgets nothing its counter alone keeps ids apart, until it has come round (2^32 ids later, when
//   partitions have long forgotten the first ones).
// - A store that is an older one (a backup was restored) gives stretches again that it gave before. What it had given then cannot be
//   found out: logs of brokers that are away, and producers that have not written yet, tell nobody. So it is the drawn bits
//   that differ: for each stretch that is given again the chance that they do not is one in 2^31.
// - Ids of before (at most 2^32 of them, all with drawn bits of 0) are not given again.
//
// Belongs to shard 0; next() may be called on any shard.
#pragma once

#include <cstdint>

#include "cluster/metadata.h"
#include "runtime/sync.h"

namespace godwit::broker {

class Broker;

class ProducerIds {
 public:
  explicit ProducerIds(Broker& broker) : broker_(broker) {}

  // An id that nobody has. Refusal: coordinator_not_available (the store does not answer; the client tries again).
  runtime::Task<cluster::Changed<int64_t>> next();

 private:
  runtime::Task<cluster::Changed<int64_t>> take();

  Broker& broker_;
  runtime::Mutex reserving_;
  int64_t next_ = 0;
  int64_t end_ = 0;  // of the block
  uint64_t drawn_ = 0;
  bool told_ = false;  // that there are none
};

}  // namespace godwit::broker
