// Finds batches in a segment file: reads block after block from a place on, ahead of a reader that goes
// forward, and checks what leaves (segment_walk.h).
//
// Belongs to one shard. Calls may overlap. What it refers to, and the finder itself, must outlive its calls.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "storage/file_cache.h"
#include "storage/read_ahead.h"
#include "storage/segment_walk.h"

namespace godwit::storage {

class BatchFinder {
 public:
  static constexpr size_t kStepMax = 1 << 20;

  // One search over the file.
  struct Run {
    Cursor cursor{};  // where it starts; then behind what was found
    BatchWish wish{};
    bool sequential = false;  // it goes on where the last one ended: reads ahead
    size_t step = 0;          // the caller's: how much an answer may take
    // How much is read at once while nothing that is wanted was found, at least.
    size_t scan_step = 0;
    size_t ahead_bytes = 0;  // how much is read ahead at least; 0: nothing
    size_t ahead_max = 0;    // … and at most, where there is memory for it
    ReadMemory memory = ReadMemory::wait;
    std::shared_ptr<runtime::File> file{};
  };

  // `info` is looked at whenever a block has come: its end may move meanwhile.
  BatchFinder(FileCache& cache, const std::shared_ptr<ReadBuffers>& buffers, std::string path,
              const SegmentInfo& info, DiagnosticSink& diagnostics)
      : cache_(cache), buffers_(buffers), path_(std::move(path)), info_(info), diagnostics_(diagnostics) {}

  // The wanted batches from run.cursor on, one behind the other; empty when there are none before the end.
  // Adds to `index` what lies at its frontier. Errors as SegmentReader::read. Holds no buffer while it waits
  // for one.
  runtime::Task<Result<std::optional<SharedBytes>>> find(std::shared_ptr<SegmentIndex> index, Run& run);
  // Drops what was read ahead.
  void forget() {
    current_.reset();
    ahead_.reset();
  }

 private:
  Position plan(const SegmentIndex& index, Position from, size_t bytes) const;
  runtime::Task<Result<SegmentBlock>> block_at(std::shared_ptr<SegmentIndex> index, Run& run,
                                               std::optional<Position> needed);
  runtime::Task<std::optional<SegmentBlock>> take_read_ahead(const SegmentIndex& index, const Run& run,
                                                             std::optional<Position> needed);
  void read_ahead(const SegmentIndex& index, const Run& run, Position from);
  void move_on(const SegmentIndex& index, const Run& run, const SegmentBlock& block, Position end);
  void forget_given_up();
  void grow_old(std::shared_ptr<ReadAhead>& block);
  tl::unexpected<Error> damage(Error error, Position position);

  FileCache& cache_;
  const std::shared_ptr<ReadBuffers>& buffers_;
  const std::string path_;
  const SegmentInfo& info_;
  DiagnosticSink& diagnostics_;
  // What was read ahead: the block that is being used, and the one that follows it.
  std::shared_ptr<ReadAhead> current_;
  std::shared_ptr<ReadAhead> ahead_;
  size_t batch_bytes_ = 0;  // of the last batch that a block was too short for
  std::vector<Position> told_;
};

}  // namespace godwit::storage
