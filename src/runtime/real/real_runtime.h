// runtime on the operating system: an event loop (epoll) and a thread for each shard, small pools of threads
// for file work that blocks.
//
//   auto runtime = make_real_runtime({.shards = 2}, diagnostics);
//   return runtime->run(serve(*runtime));   // the calling thread is shard 0 until serve() ends
#pragma once

#include <cstddef>
#include <memory>

#include "base/diagnostic.h"
#include "runtime/runtime.h"

namespace godwit::runtime {

struct RealOptions {
  size_t shards = 0;  // 0: one for each core that the process may use
  bool pin = false;  // binds the thread of shard i to the i-th core allowed (not shard 0: it is the caller's)
  // Most threads for each OpenOptions::Lane; a thread is started when work waits and none is idle.
  size_t file_threads_general = 4;
  size_t file_threads_read = 8;
  size_t file_threads_write_back = 4;
};

class RealRuntime : public Runtime {
 public:
  // Runs `main_task` on shard 0, on the calling thread, until it ends, and gives its result. Then everything
  // stops: the other shards' threads end after the callback that they are in, file work under way is waited
  // for, frames that are still suspended are destroyed (shard by shard, the last added first). Called once,
  // on any thread that is no shard's.
  virtual int run(Task<int> main_task) = 0;
};

// Starts the threads of all shards but shard 0. Raises the soft limit of descriptors to the hard one and
// ignores SIGPIPE, for the whole process. `diagnostics` must outlive the runtime. Destroying a runtime that
// never ran stops it likewise.
std::unique_ptr<RealRuntime> make_real_runtime(RealOptions options, DiagnosticSink& diagnostics);

}  // namespace godwit::runtime
