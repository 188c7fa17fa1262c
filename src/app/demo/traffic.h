// The demo's publisher and its reader.
//
// publish() and read() run each on a shard of its own, which they may hold up; everything else is for any thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "app/demo/gap.h"
#include "app/demo/latencies.h"
#include "app/demo/ledger.h"
#include "base/result.h"
#include "base/time.h"
#include "godwit/client.h"
#include "runtime/task.h"

namespace godwit::app::demo {

struct TrafficOptions {
  std::string brokers;
  std::string topic;
  std::string mark;           // tells this run's messages from those of others
  std::vector<int64_t> from;  // where each partition ended before: the reader begins there
  int64_t rate = 1000;        // messages a second
  int64_t size = 200;         // bytes of each
};

class Traffic {
 public:
  struct Look {
    Ledger::Counts counts;
    uint64_t under_way = 0;
    uint64_t awaited = 0;
    int64_t p99_us = 0;   // since the look before; 0 where nothing was acknowledged
    std::string failure;  // the first that a publish ended with, or why reading ended
  };
  struct Total {
    int64_t p50_us = 0;
    int64_t p99_us = 0;
    int64_t most_us = 0;
  };

  // Error: invalid, naming the option.
  static Result<std::unique_ptr<Traffic>> make(TrafficOptions options);

  // Sends at the set rate until stop_publishing; what was not acknowledged then has `patience` to be.
  runtime::Task<void> publish(Duration patience);
  // Reads until stop_reading.
  runtime::Task<void> read();
  void stop_publishing() { publishing_ = false; }
  void stop_reading();
  // Drops what is still under way. publish() and read() have returned.
  void close();

  Look look();
  Total total();
  // Measures from `fault` on; see Gap.
  void begin_gap(MonotonicTime fault, std::set<int32_t> partitions);
  std::optional<Duration> take_gap();
  // Partitions from which nothing that was sent since the fault is acknowledged yet.
  std::set<int32_t> held_up();

 private:
  explicit Traffic(TrafficOptions options)
      : options_(std::move(options)), next_(options_.from), ledger_(options_.from.size()) {}
  int32_t partitions() const { return static_cast<int32_t>(next_.size()); }
  void send(int32_t partition, MonotonicTime now);
  void take(const client::Record& record);
  // Reads until it is told to stop, or gives what ended it.
  runtime::Task<std::optional<client::Error>> read_on();

  const TrafficOptions options_;
  std::atomic<bool> publishing_{true};
  std::atomic<bool> reading_{true};
  std::vector<int64_t>
      next_;          // of each partition: the offset behind the last that was read; touched by read() alone
  std::mutex mutex_;  // guards what follows, which the client's threads touch as well
  Ledger ledger_;
  Latencies all_;
  Latencies recent_;
  Gap gap_;
  std::string failure_;
  // Declared last: its threads end before what they touch.
  std::unique_ptr<client::Client> client_;
};

}  // namespace godwit::app::demo
