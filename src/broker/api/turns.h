// Others have their turn while a request that names very much is served: whatever comes by a connection may have a hundred
// thousand entries, and what takes a shard for seconds makes the broker count as dead.
//
//   Turns turns;
//   for (const auto& one : request.topics) {
//     if (turns.due()) co_await runtime::yield();
//     …
//   }
#pragma once

#include <cstddef>

#include "runtime/shard.h"

namespace godwit::broker::api {

class Turns {
 public:
  // So many entries are served at a stretch.
  static constexpr size_t kEntriesAtOnce = 64;

  // Counts an entry; whether others come first.
  bool due() { return ++entries_ % kEntriesAtOnce == 0; }

 private:
  size_t entries_ = 0;
};

}  // namespace godwit::broker::api
