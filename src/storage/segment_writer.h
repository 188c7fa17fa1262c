// Writes the blocks of one segment file, each once, in order (rule 2).
//
//   SegmentWriter writer(cache, path, written, 8 << 20);
//   auto done = co_await writer.write(tail.view(writer.written(), to));   // to: a multiple of 4 KiB, or padded
//   if (done) tail.set_written(…);
//   else if (done.error().kind == ErrorKind::no_space) …                  // later again, with the same bytes
//   else …                                                                // rule 14: never again
//
// What is written is durable only after the caller synced (the file, or the file system). Belongs to one
// shard; one call at a time; must outlive it, and `cache` must outlive the writer.
#pragma once

#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "model/offset.h"
#include "storage/file_cache.h"

namespace godwit::storage {

// Positions, sizes and memory of all direct I/O on segments are multiples of it.
constexpr size_t kSegmentBlock = 4096;

class SegmentWriter {
 public:
  // Makes the file, empty; it must not exist. The caller syncs the directory before it journals the file's
  // name. Errors as FileSystem::open.
  static runtime::Task<Result<void>> create(runtime::FileSystem& files, std::string path);

  // Goes on behind `written`, a multiple of 4 KiB. Space is allocated ahead in steps that grow with the file,
  // at most `allocate_ahead` bytes: the file's size says nothing about what is in it.
  SegmentWriter(FileCache& cache, std::string path, Position written, uint64_t allocate_ahead);

  // Writes ranges one behind the other from written() on, each a multiple of 4 KiB long, in memory aligned to
  // 4 KiB that stays unchanged until this returns. On an error written() stays. Errors:
  //   no_space  nothing is known of the range: the same range may be written again, with the same bytes
  //   limit     no descriptor could be had; nothing was written, may be called again
  //   others    (io above all) the file is not written again by this writer: rule 14 is the caller's duty
  runtime::Task<Result<void>> write(std::span<const BytesView> ranges);
  Position written() const { return written_; }
  // Whether write() gave up on the file.
  bool failed() const { return failed_; }

  // Gives back the space behind `size` (rounded up to 4 KiB), which is at least written(), that was allocated
  // ahead: for a file that is being sealed. Errors as write; the file stays readable.
  runtime::Task<Result<void>> trim(Position size);

 private:
  runtime::Task<Result<void>> make_room(runtime::File& file, uint64_t needed);
  tl::unexpected<Error> give_up(Error error);

  FileCache& cache_;
  std::string path_;
  Position written_;
  uint64_t allocate_ahead_;
  uint64_t allocated_ = 0;  // [0, allocated_) is known to have space
  bool failed_ = false;
  bool under_way_ = false;
};

}  // namespace godwit::storage
