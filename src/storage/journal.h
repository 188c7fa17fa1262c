// The journal: a data directory's one commit log. What its write() acknowledged is on stable storage.
//
// It knows nothing of partitions: an entry is a kind, a few bytes that say what it is (meta) and bytes that
// it carries (payload). Entries of one write stand in one round, all or none of them, in the order of the
// calls. Rounds have sequence numbers that only grow. docs/formats/journal.md is the format and its crash
// table; rules 5–9, 14 and 19 of the storage design its reasons.
//
//   options.released = checkpoint.journal_sequence;
//   auto opened = co_await Journal::open(options, files, journal_shard, shard_0, diagnostics);
//   for (const auto& entry : opened->entries) …                    // replay what the checkpoint lacks
//   sequence = co_await opened->journal->write(std::move(entries));   // from any shard
//   co_await opened->journal->release(checkpoint.journal_sequence);   // once the checkpoint is synced
//
// A journal has a shard (a thread) of its own, whose file operations run in place. write(), release(),
// read_payload() and sync() may be called on any shard and answer there. close() is awaited before the object
// is destroyed; runtime, files and diagnostics outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/diagnostic.h"
#include "base/result.h"
#include "base/strong.h"
#include "base/time.h"
#include "runtime/runtime.h"

namespace godwit::storage {

// Counts rounds, from 1, over the life of a data directory: never handed out twice, not even after a crash.
// Consecutive while a process runs; a start may skip some.
using Sequence = Ordinal<struct SequenceTag, uint64_t>;

struct JournalEntry {
  uint8_t kind = 0;
  Bytes meta;                      // at most 64 KiB
  std::vector<BytesView> payload;  // stays unchanged until write() has answered

  // Its share of a round, in bytes: what JournalOptions::round_bytes_max counts.
  uint64_t bytes() const;
};

struct RecoveredEntry;

struct JournalOptions {
  std::string directory;  // exists, durably
  // What the checkpoint already holds: rounds up to this one are neither delivered nor missed. Zero when
  // there is no checkpoint.
  Sequence released;
  // Sizes in bytes, multiples of 4096; a file smaller than the largest round is made larger. The first file
  // is small so that an empty broker starts quickly; the others are made (written through once with zeros) in
  // the background.
  uint64_t first_file_bytes = 4 << 20;
  uint64_t file_bytes = 128 << 20;
  size_t files_min = 4;
  uint64_t round_bytes_max = 4 << 20;
  // synced: direct I/O, an answer means "on stable storage".
  // buffered: through the page cache; an answer means "survives the death of this process"; synced when sync() asks, and
  // `interval` after the last sync at the latest, beside the writes, which go on meanwhile.
  enum class Mode { synced, buffered } mode = Mode::synced;
  Duration interval = std::chrono::seconds(1);
  // An idle journal writes one empty round after this time, so that the synced mark covers what was
  // acknowledged; it is synced at once.
  Duration idle_mark = std::chrono::seconds(1);
  // Payloads of rounds that a later mark covers are not read when the journal is opened, where a round has more than so
  // many bytes: whoever reads them checks them. Those above the mark are always read, for they may be torn.
  uint64_t scan_payload_max = 64 << 10;
  // So many bytes can be written after a start before anything is released: where what earlier processes left has less, a
  // file more is made at once, and deleted when it is not needed any more.
  uint64_t reserve_bytes = 0;
  // And what more is needed for what was recovered, in bytes.
  std::function<uint64_t(const std::vector<RecoveredEntry>&)> reserve_more;
  // After no_space the making of a missing file is tried again this much later.
  Duration make_retry = std::chrono::seconds(10);
};

// Where a recovered entry's payload lies; read with Journal::read_payload until its round is released.
struct PayloadPlace {
  uint64_t file = 0;  // the number in its name
  uint64_t position = 0;
  uint32_t size = 0;
  uint32_t checksum = 0;
};

// A recovered payload that was read in bulk.
struct ReadPayload {
  size_t index = 0;   // into the places that were asked for
  BytesView bytes;    // empty when it cannot be read
  std::string error;  // why
  // Not compared with its checksum yet: payload_is_whole().
};
bool payload_is_whole(const PayloadPlace& place, BytesView bytes);
// Takes what one read gave. The bytes are valid until the task ends; several such tasks are under way at once.
using TakePayloads = std::function<runtime::Task<void>(std::vector<ReadPayload>)>;

struct RecoveredEntry {
  Sequence sequence;
  uint8_t kind = 0;
  Bytes meta;
  PayloadPlace payload;
};

// What a scan found wrong: something that was acknowledged cannot be read. A torn last round is none, since
// nobody was told that it was durable.
struct JournalDamage {
  std::string file;       // the path; empty when no file is known to have held it
  uint64_t position = 0;  // first byte of what cannot be read
  // Rounds after `after` and before `before` are missing. `before` is zero when no round behind them is
  // known: the newest rounds may be lost.
  Sequence after;
  Sequence before;
  std::string what;  // a sentence for the operator
};

class Journal {
 public:
  struct Opened;

  // Scans all files of the directory (none: a new journal) and prepares a fresh one to write: a recovered
  // file is never appended to. What it delivers is on stable storage when it answers. Awaited on `shard`,
  // which has blocking_files; `background` is an ordinary shard (its file operations go to a pool), on which
  // files are made and, in buffered mode, synced. Errors: io and permission (the directory cannot be used),
  // unsupported (a file of a newer format; nothing is changed then), not_found, limit.
  // When the disk is full a journal without a free file is opened all the same: it can be replayed and
  // released.
  static runtime::Task<Result<Opened>> open(JournalOptions options, runtime::FileSystem& files,
                                            runtime::Shard& shard, runtime::Shard& background,
                                            DiagnosticSink& diagnostics);
  virtual ~Journal() = default;

  // Writes the entries in one round, together with whatever other callers bring meanwhile, and answers when
  // it is durable as the mode says. Calls of one shard are served in order. How many wait is the callers'
  // bound.
  // Errors: limit (together more than round_bytes_max, or a meta above 64 KiB), io (this journal is never
  // written again; every later call fails alike; whether this round will be found at the next start is not
  // known), unavailable (no free file: the caller must release older rounds first; nothing was written),
  // no_space (a file system that needs new space to overwrite old; nothing is acknowledged and no room is lost, try again),
  // closed. While the file that it needs is still being made, it waits for that.
  virtual runtime::Task<Result<Sequence>> write(std::vector<JournalEntry> entries) = 0;

  // All rounds up to and including `through` are no longer needed: the checkpoint that says so is on stable
  // storage. Files that hold nothing else are recycled. Error invalid when `through` was never written.
  virtual runtime::Task<Result<void>> release(Sequence through) = 0;

  // Reads a recovered payload into `into` (place.size bytes) and checks it against its checksum again. Reads
  // in the order of the entries come from one large read. Errors: corrupt, io, not_found (released).
  virtual runtime::Task<Result<void>> read_payload(PayloadPlace place, MutableBytes into) = 0;

  // Reads many recovered payloads, each once, in large reads in the order in which they lie, some of them under way at
  // once. On an ordinary shard, where `take` is called. A file that cannot be read is not written again.
  virtual runtime::Task<void> read_payloads(std::vector<PayloadPlace> places, TakePayloads take) = 0;
  // A payload was read and fails its checksum: its file is not written again. Any shard.
  virtual void distrust(const PayloadPlace& place) = 0;

  struct Usage {
    uint64_t used = 0;      // bytes in files that are not free; of the one being written: what is written
    uint64_t capacity = 0;  // bytes in all files that are to exist
    // Bytes that can be written before a file is released, and in all files: those that are there or being made. A round
    // that does not fit what is left of a file goes to the next.
    uint64_t free = 0;
    uint64_t usable = 0;
    Sequence last;  // the newest durable round
    // The oldest round that keeps a file from being recycled; after `last` when all are free. Releasing
    // everything up to `oldest_file_end` frees the oldest file.
    Sequence oldest;
    Sequence oldest_file_end;
    // Whether write() can find room at all without a release.
    bool full = false;
  };
  // May be called on any shard; a moment old there.
  virtual Usage usage() const = 0;

  // buffered mode: syncs now what was written. synced mode: answers when all earlier writes have answered.
  // Errors: io (as write), closed.
  virtual runtime::Task<Result<void>> sync() = 0;

  // Since when the round (or in buffered mode the sync) that is under way has been; empty when idle. Any
  // shard. For the watch on a stalled disk (rule 16).
  virtual std::optional<MonotonicTime> busy_since() const = 0;

  // Answers what was asked before, syncs, and stops. Files stay. Any shard.
  virtual runtime::Task<void> close() = 0;
};

struct Journal::Opened {
  std::unique_ptr<Journal> journal;
  std::vector<RecoveredEntry> entries;  // in the order of their rounds, after options.released
  std::vector<JournalDamage> damages;
  Sequence last;  // the newest round found; options.released when there is none
  // The largest released mark that any round carries. Above options.released: the newest checkpoint is lost
  // and an older one, or none, is in use; rounds up to this mark may have been recycled, which damages do not name.
  Sequence released_mark;
};

}  // namespace godwit::storage
