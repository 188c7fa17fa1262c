// The door to the outside: everything that touches a clock, a thread, a socket, a file or chance comes from
// here.
//
// runtime/real is the operating system; runtime/sim is a whole cluster in one thread on virtual time. Code
// above sees this interface alone and cannot tell which it is.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "runtime/file.h"
#include "runtime/shard.h"
#include "runtime/stream.h"

namespace godwit::runtime {

struct ShardOptions {
  std::string name;
  // File operations awaited on this shard block it: for a shard that does nothing else.
  bool blocking_files = false;
};

// What the machine (or container) has.
struct Machine {
  size_t cores = 1;
  uint64_t memory = 0;            // bytes that this process may use
  size_t descriptors_max = 1024;  // open files and sockets, after the soft limit was raised to the hard one
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  // The shards that serve connections and partitions; at least one, fixed for the runtime's life.
  virtual size_t shard_count() const = 0;
  virtual Shard& shard(size_t index) = 0;
  // One more shard with a thread of its own. It lives as long as the runtime.
  virtual Shard& add_shard(ShardOptions options) = 0;

  virtual Network& network() = 0;
  virtual FileSystem& files() = 0;
  virtual const Machine& machine() const = 0;

  // Has the memory of `range`, which will be written to soon, made ready by a thread that nobody waits for: the first touch of
  // a page waits until the system has found and cleared it, milliseconds for a huge page in a virtual machine. The bytes
  // keep their values. A hint: where the system cannot, nothing happens. `owner` keeps the range mapped. From any thread.
  virtual void populate(MutableBytes range, std::shared_ptr<const void> owner) = 0;
};

}  // namespace godwit::runtime
