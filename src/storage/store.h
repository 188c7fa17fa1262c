// A data directory: all logs of a broker, over one journal. Start is checkpoint + journal (rule 11).
//
//   auto store = co_await Store::open(options, runtime, diagnostics, metrics);
//   Log* log = (*store)->find(id);           // on the shard that shard_of(id) names
//   …
//   co_await (*store)->close();              // writes what is left, so that the next start is short
//
// The store must outlive its logs' users. Functions say where they are called.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "metrics/registry.h"
#include "runtime/runtime.h"
#include "storage/log.h"

namespace godwit::storage {

struct StoreOptions {
  std::string directory;  // made when missing; its lock and identity are held by durable::DataDirectory
  uint64_t arena_bytes = 1 << 30;  // over all shards
  // What its memory is made ready for comes at another time than on stores with another number, which may be on this machine and
  // be written to alike (Arena::on_touch_soon): the broker's id.
  size_t phase = 0;
  uint64_t read_buffer_bytes = 64 << 20;
  uint64_t journal_file_bytes = 128 << 20;
  size_t journal_files = 4;
  // JournalOptions::scan_payload_max.
  uint64_t journal_scan_payload_max = 64 << 10;
  size_t open_files_max = 4096;
  // What must stay free on the disk beside all unwritten tails; publishing is refused below (rule 15).
  uint64_t reserve_bytes = 256 << 20;
  // The ballast file; empty: the journal's capacity, at most 5 % of the disk.
  std::optional<uint64_t> ballast_bytes;
  // Names the run of the operating system (Linux: /proc/sys/kernel/random/boot_id). While it is the same, what was written
  // to the journal of flush=interval topics and not synced outlives this process; in another run it may be gone, and
  // such logs are unproven. Empty: not known, never the same.
  std::string boot_id;
  // How often retention and compaction look (log.retention.check.interval.ms).
  Duration retention_interval = std::chrono::minutes(5);
  Duration compaction_interval = std::chrono::seconds(15);
  // Of keys that one pass of compaction compares, on each shard; a log with more is compacted in several passes.
  size_t compaction_key_bytes = 64 << 20;
  // A checkpoint is written at least this often while something changed.
  Duration checkpoint_interval = std::chrono::seconds(60);
};

class Store {
 public:
  // Recovers what is there. On shard 0. Errors: corrupt (a format that is newer than this build: nothing is
  // changed), io, permission, no_space, conflict. Damage that a replica can repair is no error: it is
  // reported to `diagnostics` and by damages().
  static runtime::Task<Result<std::unique_ptr<Store>>> open(StoreOptions options, runtime::Runtime& runtime,
                                                            DiagnosticSink& diagnostics,
                                                            metrics::Registry& metrics);
  virtual ~Store() = default;

  // The shard that owns a partition, whether it exists or not. Any shard.
  virtual size_t shard_of(const TopicPartition& id) const = 0;

  // All logs there are, after open: the broker compares them with what the cluster says. Shard 0.
  virtual runtime::Task<std::vector<TopicPartition>> list() = 0;

  // The log, or null. On its shard.
  virtual Log* find(const TopicPartition& id) = 0;
  // Makes an empty log (the existing one is given when there is one, with the new config), durable on return.
  // On its shard. `start`: the first offset. Refusal kafka_storage_error.
  virtual runtime::Task<Served<Log*>> create(TopicPartition id, LogConfig config,
                                             Offset start = Offset(0)) = 0;
  // Deletes the log for ever; durable on return, files go in the background. Pending reads end with
  // unknown_topic_or_partition. On its shard. No error when there is none.
  virtual runtime::Task<Served<void>> drop(TopicPartition id) = 0;

  // Whether publishing is possible, and if not why. Any shard; a moment old.
  struct Health {
    bool writable = true;                     // false after EIO (until restart)
    bool space_left = true;                   // false while the disk is nearly full
    std::string reason;                       // for a person, when one is false
    std::optional<Duration> round_under_way;  // how long the journal's current round has taken (rule 16)
    // Since when the oldest write or sync that is under way has not come back: a round of a journal (publishers wait
    // for it), or a block of write-back (they do once memory or journal are full). Empty: nothing is under way. Older
    // than half the session timeout: the disk stalls. It comes back by itself, and then nothing was lost.
    std::optional<MonotonicTime> stalled_since;
    // The same in one word: what an operator sees, in the order of what matters most.
    enum class State { ok, no_space, failed };
    State state = State::ok;
  };
  virtual Health health() const = 0;

  // Called whenever writable or space_left changes, on shard 0.
  virtual void on_health_change(std::function<void()> callback) = 0;

  // One pass of retention, or compaction, over all logs now (tests and operators wait for it). Shard 0.
  virtual runtime::Task<void> run_retention() = 0;
  virtual runtime::Task<void> run_compaction() = 0;
  // Writes all tails back and a checkpoint. Shard 0. Errors as rule 14 and 15.
  virtual runtime::Task<Result<void>> checkpoint() = 0;

  // What cannot be read: damaged ranges found at open or since.
  struct Damage {
    TopicPartition id;
    Offset from;
    Offset to;
    std::string what;
  };
  virtual runtime::Task<std::vector<Damage>> damages() = 0;

  // Logs that cannot prove that they hold all that they reported as stable (a start that lost a checkpoint, damage that
  // is not repaired, flush=interval and a power cut): a cluster takes them out of the in-sync replicas until they caught
  // up. Kept over restarts.
  struct Unproven {
    TopicPartition id;
    std::string why;
    // All that can be missing is what a power cut may take of a flush=interval topic: its last interval.
    bool tail_only = false;
  };
  virtual runtime::Task<std::vector<Unproven>> unproven() = 0;
  // The log was compared with the others and holds what they hold (it caught up with a leader from its start on).
  // On its shard; durable with the journal's next round. Damages that are left still make it unproven.
  virtual void set_proven(const TopicPartition& id) = 0;

  struct Disk {
    uint64_t total = 0;
    uint64_t available = 0;
    uint64_t ballast = 0;
  };
  virtual runtime::Task<Result<Disk>> disk() = 0;

  // Stops admitting, waits for what is under way, writes tails back and a last checkpoint. Shard 0.
  virtual runtime::Task<Result<void>> close() = 0;
};

}  // namespace godwit::storage
