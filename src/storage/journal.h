// The journal: a data directory's one commit log. What its write() acknowledged is on stable storage.
//
// It knows nothing of partitions: an entry is a kind, a few bytes that say what it is (meta) and bytes that
// it carries (payload). Entries of one write stand in one round, all or none of them. Rounds have consecutive
// sequence numbers. docs/formats/journal.md is the format; design rules 5–9 of "Storage" its reasons.
//
//   auto opened = co_await Journal::open(options, files, journal_shard, diagnostics);   // scans what a crash
//   left for (const auto& entry : opened->entries) …                                        // replay auto
//   sequence = co_await journal.write(entries);                                    // from any shard
//
// A journal has a shard (a thread) of its own, whose file operations run in place. write() and release() may
// be called on any shard and answer there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/diagnostic.h"
#include "base/result.h"
#include "base/strong.h"
#include "runtime/runtime.h"

namespace godwit::storage {

// Counts rounds, from 1, over the life of a data directory: never handed out twice, not even after a crash.
using Sequence = Ordinal<struct SequenceTag, uint64_t>;

struct JournalEntry {
  uint8_t kind = 0;
  Bytes meta;                      // at most 64 KiB
  std::vector<BytesView> payload;  // stays unchanged until write() has answered
};

struct JournalOptions {
  std::string directory;  // exists
  // Sizes in bytes, multiples of 4096. The first file is small so that an empty broker starts quickly; the
  // others are made (written through once with zeros) in the background.
  uint64_t first_file_bytes = 4 << 20;
  uint64_t file_bytes = 128 << 20;
  size_t files_min = 4;
  uint64_t round_bytes_max = 4 << 20;
  // synced: direct I/O, an answer means "on stable storage".
  // buffered: through the page cache; an answer means "survives the death of this process"; synced every
  // `interval` (flush=interval topics).
  enum class Mode { synced, buffered } mode = Mode::synced;
  Duration interval{};
  // An idle journal writes one empty round after this time, so that the synced mark covers what was
  // acknowledged.
  Duration idle_mark = std::chrono::seconds(1);
};

// Where an entry's payload lies; read with Journal::read_payload while the file is not released.
struct PayloadPlace {
  size_t file = 0;
  uint64_t position = 0;
  uint32_t size = 0;
};

struct RecoveredEntry {
  Sequence sequence;
  uint8_t kind = 0;
  Bytes meta;
  PayloadPlace payload;
};

// What a scan found wrong. A torn last round is no damage: nobody was told that it was durable.
struct JournalDamage {
  std::string file;
  uint64_t position = 0;  // first byte of what cannot be read
  // Rounds after `after` and before `before` are missing although a synced mark says that they were
  // acknowledged.
  Sequence after;
  Sequence before;
  std::string what;
};

class Journal {
 public:
  struct Opened;

  // Scans all files of the directory (none: a new journal) and prepares fresh ones to write: a recovered file
  // is never appended to. Must be awaited on `shard`. Errors: io and permission (the directory cannot be
  // used), corrupt only when a file is of an unknown, newer format (nothing is changed then).
  static runtime::Task<Result<Opened>> open(JournalOptions options, runtime::FileSystem& files,
                                            runtime::Shard& shard, DiagnosticSink& diagnostics);
  virtual ~Journal() = default;

  // Writes the entries in one round, together with whatever other callers bring meanwhile, and answers when
  // it is durable as the mode says. Calls are served in order. At most round_bytes_max a call (error limit).
  // Errors: io (this journal is never written again; every later call fails alike), unavailable (no free
  // file: the caller must release older ones first; nothing was written), closed.
  virtual runtime::Task<Result<Sequence>> write(std::vector<JournalEntry> entries) = 0;

  // All rounds up to and including `through` are no longer needed: the checkpoint that says so is on stable
  // storage. Files that hold nothing else are recycled.
  virtual runtime::Task<Result<void>> release(Sequence through) = 0;

  // Reads a recovered payload into `into` (place.size bytes) and checks it against its round's checksum
  // again.
  virtual runtime::Task<Result<void>> read_payload(PayloadPlace place, MutableBytes into) = 0;

  struct Usage {
    uint64_t used = 0;      // bytes in files that are not free
    uint64_t capacity = 0;  // bytes in all files that are to exist
    Sequence last;          // the newest durable round
    // The oldest round that keeps a file from being recycled; after `last` when all are free.
    Sequence oldest;
  };
  // May be called on any shard; a moment old there.
  virtual Usage usage() const = 0;

  // buffered mode: syncs now what was written. synced mode: answers when all earlier writes have answered.
  virtual runtime::Task<Result<void>> sync() = 0;

  // Since when the round that is being written has been under way; empty when idle. Any shard. For the watch
  // on a stalled disk (rule 16).
  virtual std::optional<MonotonicTime> busy_since() const = 0;

  // Finishes what is under way and stops. Files stay.
  virtual runtime::Task<void> close() = 0;
};

struct Journal::Opened {
  std::unique_ptr<Journal> journal;
  std::vector<RecoveredEntry> entries;  // in the order of their rounds
  std::vector<JournalDamage> damages;
  Sequence last;  // the newest round found, 0 in a new journal
};

}  // namespace godwit::storage
