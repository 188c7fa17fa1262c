// A segment on disk: a write-once file of record batches, and its index (rules 1–4).
//
// Written in whole blocks of 4 KiB, each once, in order. Read with direct I/O in large blocks into pooled
// buffers, ahead of a reader that goes forward; every batch that leaves here has passed its CRC and stands
// where its header says. Names: <file id as 16 hex digits>.log and .index, in topics/<topic id>/<partition>/.
// docs/formats/segment.md.
//
// Belongs to one shard. Descriptors are opened at first use and closed by the FileCache when too many are
// open.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "base/result.h"
#include "model/epoch.h"
#include "model/offset.h"
#include "runtime/runtime.h"
#include "storage/tail.h"

namespace godwit::storage {

using FileId = Strong<struct FileIdTag, uint64_t>;

std::string segment_name(FileId id);  // "000000000000002a.log"
std::string index_name(FileId id);    // "000000000000002a.index"

// Open descriptors of one shard, least recently used closed first. Files that are in use stay open.
class FileCache {
 public:
  virtual ~FileCache() = default;
  static std::unique_ptr<FileCache> create(runtime::FileSystem& files, size_t open_max);
  // The file, opened when it was not. Errors as FileSystem::open.
  virtual runtime::Task<Result<std::shared_ptr<runtime::File>>> get(const std::string& path, bool write) = 0;
  // Closes it once nobody uses it; before it is unlinked.
  virtual void forget(const std::string& path) = 0;
  virtual size_t open_files() const = 0;
};

class ReadBuffers;

// Writes the blocks of one file. Everything written is durable only after the caller synced (the file, or the
// file system).
class SegmentWriter {
 public:
  // Makes the file (which must not exist) with `allocate_ahead` bytes of space; the caller syncs the
  // directory before it journals the file's name.
  static runtime::Task<Result<void>> create(runtime::FileSystem& files, const std::string& path);

  SegmentWriter(FileCache& cache, std::string path, Position written, uint64_t allocate_ahead);
  // Writes ranges that start at written() and are a multiple of 4 KiB long, in memory aligned to 4 KiB.
  // Errors: io (the file is never written again, rule 14), no_space (nothing is known of the range; the same
  // range may be written again, with the same bytes).
  runtime::Task<Result<void>> write(std::span<const BytesView> ranges);
  Position written() const { return written_; }
  // Gives back the space beyond `size` that was allocated ahead.
  runtime::Task<Result<void>> trim(Position size);

 private:
  FileCache& cache_;
  std::string path_;
  Position written_;
  uint64_t allocate_ahead_;
  uint64_t allocated_ = 0;
  bool failed_ = false;
};

// What a reader of a file must know of it; from the checkpoint and the journal, never guessed.
struct SegmentInfo {
  FileId id;
  Offset base;             // of the first batch it may hold
  Position end;            // where its batches end
  bool compacted = false;  // base offsets may leave gaps
};

// A place that cannot be read: named in diagnostics, answered with an error, repaired later from a replica.
struct SegmentDamage {
  FileId id;
  Position position;
  std::string what;
};

struct SegmentRead {
  Chain batches;  // whole batches, checked
  Offset next;    // behind the last of them
  Position next_position;
};

class SegmentReader {
 public:
  // `entries` is the index as far as it is known (empty: it is loaded from the index file, or rebuilt by a
  // scan and written, at first use).
  static std::unique_ptr<SegmentReader> create(FileCache& cache, std::shared_ptr<ReadBuffers> buffers,
                                               std::string folder, SegmentInfo info,
                                               DiagnosticSink& diagnostics);
  virtual ~SegmentReader() = default;

  // The file grew (an active segment's written mark) or was sealed.
  virtual void set_end(Position end) = 0;

  // Whole batches from the one that contains or follows `from`, which lies before the file's end, up to
  // `bytes_max` bytes but at least one. `hint` is a position that an earlier read returned as next_position:
  // it saves the look-up and starts reading ahead. Errors: corrupt (message names file and position; what
  // precedes the damage is served first), io.
  virtual runtime::Task<Result<SegmentRead>> read(Offset from, size_t bytes_max,
                                                  std::optional<Position> hint) = 0;

  // The first batch whose largest timestamp is >= `timestamp`, as raw bytes to look into; empty when there is
  // none.
  virtual runtime::Task<Result<std::optional<SharedBytes>>> find_timestamp(int64_t timestamp) = 0;
  // The batch that holds the largest timestamp of the file; empty when the file has no batch.
  virtual runtime::Task<Result<std::optional<SharedBytes>>> find_timestamp_max() = 0;

  // The index so far; loads or rebuilds it when needed. Error corrupt/io as read.
  virtual runtime::Task<Result<std::vector<IndexEntry>>> index() = 0;
  // Writes the index file (checksummed) for a sealed segment. Not synced: it can be rebuilt.
  virtual runtime::Task<Result<void>> write_index(std::span<const IndexEntry> entries) = 0;
};

// Buffers for direct reads, reused; SharedBytes that point into one keep it. Bounded in memory.
class ReadBuffers {
 public:
  static std::shared_ptr<ReadBuffers> create(size_t bytes_max);
  virtual ~ReadBuffers() = default;
  // A buffer of at least `size` bytes aligned to 4 KiB, writable until it is shared. Waits while bytes_max
  // are out; a reader that wants more than everything gets it when it is alone.
  virtual runtime::Task<std::shared_ptr<runtime::AlignedBuffer>> get(size_t size) = 0;
};

}  // namespace godwit::storage
