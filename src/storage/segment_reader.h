// Reads one segment file: direct reads of large blocks into pooled buffers, ahead of a reader that goes
// forward. Every batch that leaves has passed its CRC and stands where its header says (rule 4):
//
//   length within the file's end, leader epoch not below the one before, base offset behind the one before
//   (with gaps only in compacted files) and not before SegmentInfo.base; and its header is the one that the
//   index knows, where there is an index with checksums.
//
// Batches leave as SharedBytes of the read buffers, never copied. Belongs to one shard. Calls may overlap. The
// reader must outlive its calls; `cache` and `diagnostics` must outlive the reader.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/diagnostic.h"
#include "base/result.h"
#include "storage/file_cache.h"
#include "storage/index_entry.h"
#include "storage/read_buffers.h"
#include "storage/segment_check.h"

namespace godwit::storage {

struct SegmentRead {
  Chain batches;  // whole batches, checked; empty when no batch contains or follows the offset
  Offset next;    // behind the last of them
  Position next_position;
};

class SegmentReader {
 public:
  // `folder`: of the partition. The index is loaded from the index file at first use; without one that fits,
  // it is built by whoever reads and scans, and written once it is complete and the file sealed.
  static std::unique_ptr<SegmentReader> create(FileCache& cache, std::shared_ptr<ReadBuffers> buffers,
                                               std::string folder, SegmentInfo info,
                                               DiagnosticSink& diagnostics);
  virtual ~SegmentReader() = default;

  // The file grew: what lies before `end`, a batch's end, is written to it; or it was sealed there, which may
  // be earlier than before (a truncation). Calls under way may still give what they found behind it.
  virtual void set_end(Position end, bool sealed = false) = 0;
  // What the writer knows of the index: in the file's order, as SegmentIndex made them. Saves scans of a file
  // that grows. Entries that the reader knows already are left out.
  virtual void learn(std::span<const IndexEntry> entries) = 0;

  // Whole batches from the one that contains or follows `from`, which lies before the file's end, up to
  // `bytes_max` bytes (never more than 1 MiB) but at least one. The first read of a run gives less, so that a
  // single read costs little. `hint`: next_position of an earlier read, whose `next` was `from`: says that
  // this reader goes forward. It is not trusted. Errors, which name file and position; what precedes the
  // damage is served first:
  //   corrupt  the bytes are damaged: tell it, repair from a replica
  //   io       the device cannot read them
  //   limit    there is no memory to be had as `memory` says
  //   others   of FileSystem::open: not now
  // A caller that holds an answer already does not wait for memory: two that hold some and wait for more would wait for each
  // other for ever, and so would one that needs more than there is.
  virtual runtime::Task<Result<SegmentRead>> read(Offset from, size_t bytes_max, std::optional<Position> hint,
                                                  ReadMemory memory = ReadMemory::wait) = 0;

  // The first batch whose largest timestamp is >= `timestamp` (ms), as raw bytes to look into; empty when
  // there is none. Errors as read.
  virtual runtime::Task<Result<std::optional<SharedBytes>>> find_timestamp(int64_t timestamp) = 0;
  // The first batch that holds the largest timestamp of the file; empty when the file has no batch.
  virtual runtime::Task<Result<std::optional<SharedBytes>>> find_timestamp_max() = 0;

  // The index up to the file's end; loads or builds it when needed. Errors as read.
  virtual runtime::Task<Result<std::vector<IndexEntry>>> index() = 0;
  // Writes the index file of a sealed segment from what is known, `entries` too; what is missing is scanned.
  // Not synced: it is checksummed and can be rebuilt. Errors as read, and of writing: not fatal, for the same
  // reason.
  virtual runtime::Task<Result<void>> write_index(std::span<const IndexEntry> entries) = 0;
};

}  // namespace godwit::storage
