// Logs of one shard that do not know all their producers (LogState::producers_incomplete) are read for them, one after the
// other, whether this broker leads or follows: an append of such a producer would have to wait for that, and after a
// failover there is no time. It reads 64 MiB/s at most, but where an append waits already. What is found is in memory, and
// comes to disk with the next checkpoint; a crash before that leaves the log as it was, to be read again.
#pragma once

#include <map>
#include <memory>

#include "base/time.h"
#include "runtime/sync.h"

namespace godwit::storage {

class PartitionLog;

class ProducerSearch {
 public:
  // Of a log that was not added yet, or whose seek_incomplete() gave true since.
  void add(std::weak_ptr<PartitionLog> log);
  // Until close().
  runtime::Task<void> run();
  void close();

 private:
  struct Waiting {
    std::weak_ptr<PartitionLog> log;
    Duration pause;  // since it was tried last
  };
  void add(Waiting waiting);

  std::multimap<MonotonicTime, Waiting> waiting_;  // by when they are due
  runtime::Condition changed_;
  bool closed_ = false;
};

}  // namespace godwit::storage
