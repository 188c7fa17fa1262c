// The simulator runs all shards on one thread, so a test may look at what belongs to any of them, from anywhere:
//
//   const size_t count = from_outside([&] { return broker.shard(1).partition_count(); });
#pragma once

#include "runtime/shard.h"

namespace godwit::broker {

class OutsideOfShards : runtime::Shard {
 public:
  OutsideOfShards() = delete;
  class Guard {
    Shard::Enter outside_{nullptr};
  };
};

// What `look` gives, which asks a shard's parts while no shard is the current one. Never across a co_await.
template <class F>
decltype(auto) from_outside(F look) {
  const OutsideOfShards::Guard outside;
  return look();
}

}  // namespace godwit::broker
