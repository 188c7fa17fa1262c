// Gives out ids to idempotent producers, from blocks reserved ahead in the coordination store. What is left of a block
// is dropped at a restart: an id is never given out twice.
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
  int64_t end_ = 0;    // of the block
  bool told_ = false;  // that there are none
};

}  // namespace godwit::broker
