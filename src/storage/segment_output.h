// A new segment file that is written from its start to its end at once (compaction), in whole blocks.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "record/batch_header.h"
#include "runtime/file.h"
#include "storage/log_state.h"
#include "storage/segment_file.h"
#include "storage/segment_index.h"

namespace godwit::storage {

class SegmentOutput {
 public:
  // `base`: of the segment, as its SegmentState will have it.
  SegmentOutput(FileCache& files, std::string folder, FileId file, Offset base);

  // Appends a whole batch. Errors as SegmentWriter::write.
  runtime::Task<Result<void>> add(const BatchHeader& header, BytesView batch);
  // Writes what is left, padded, and syncs the file. Its index follows, without which the batches' offsets could not be
  // proven if the checkpoint were lost; that it cannot be written is no error.
  runtime::Task<Result<void>> finish();

  Position end() const { return end_; }
  int64_t timestamp_max() const { return timestamp_max_; }

 private:
  runtime::Task<Result<void>> flush(size_t bytes);

  FileCache& files_;
  const std::string folder_;
  SegmentInfo info_;
  const std::string path_;
  std::shared_ptr<SegmentIndex> index_;
  SegmentWriter writer_;
  runtime::AlignedBuffer buffer_;
  size_t filled_ = 0;
  Position end_;
  int64_t timestamp_max_ = -1;
};

}  // namespace godwit::storage
