// Files: the only way to a disk. No page cache is promised or needed; O_DIRECT is asked for by option.
//
// Work that blocks does not stop a shard's loop: on an ordinary shard it goes to a small pool of threads; on
// a shard made with `blocking_files` (the journal's) it is done in place, which saves two switches of threads
// a write. Nothing here retries after an error; nothing is durable before sync() returned well.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "runtime/task.h"

namespace godwit::runtime {

struct OpenOptions {
  enum class Create { never, if_missing, must_be_new };
  bool write = false;  // reading is always allowed
  Create create = Create::never;
  // O_DIRECT: buffers, positions and sizes are multiples of alignment(). Where the file system refuses it the
  // file is opened buffered and is_direct() says so.
  bool direct = false;
  // Which pool does the blocking work, so that a stalled sync does not hold up reads (ordinary shards only).
  enum class Lane { general, read, write_back } lane = Lane::general;
};

// An open file; closed by its destructor. Used on one shard at a time, with any number of operations under
// way that do not overlap. Buffers must outlive the operation.
class File {
 public:
  virtual ~File() = default;

  // Reads at `position`; fewer bytes than asked only at the end of the file (0 behind it). Errors: io,
  // invalid (not aligned on a direct file).
  virtual Task<Result<size_t>> read_at(uint64_t position, MutableBytes into) = 0;
  // Writes all parts one behind the other. Errors: no_space, io, invalid (not aligned on a direct file); how
  // much was written is then unknown.
  virtual Task<Result<void>> write_at(uint64_t position, std::span<const BytesView> parts) = 0;
  // fdatasync: all that was written before is on stable storage when this returns well. After an error
  // nothing is known of what was written since the last good sync, and the file is not used for writing
  // again.
  virtual Task<Result<void>> sync() = 0;
  // Makes sure that [0, size) has space; the file's size becomes at least `size`, new bytes read as zeros.
  virtual Task<Result<void>> allocate(uint64_t size) = 0;
  virtual Task<Result<void>> truncate(uint64_t size) = 0;
  virtual Task<Result<uint64_t>> size() = 0;

  virtual bool is_direct() const = 0;
  // Multiple that direct I/O needs for positions, sizes and memory, in bytes; 1 on a buffered file.
  virtual size_t alignment() const = 0;
  virtual const std::string& path() const = 0;
};

// Held by one process (and one holder in it) until destroyed or the process ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  uint64_t size = 0;  // of a file, in bytes
};

struct SpaceInfo {
  uint64_t total = 0;      // bytes
  uint64_t available = 0;  // bytes that this process may still use
};

// Paths are relative to the process's folder or absolute. May be used on every shard.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Errors: not_found, exists (must_be_new), permission (also a read-only file system), no_space, limit (no
  // descriptor left), io. A new file is durable only after sync_directory of its folder.
  virtual Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) = 0;
  // Replaces what `to` names, at once; durable after sync_directory of the folders.
  virtual Task<Result<void>> rename(std::string from, std::string to) = 0;
  // Removes a file. Error not_found when there is none.
  virtual Task<Result<void>> remove(std::string path) = 0;
  // Removes an empty directory.
  virtual Task<Result<void>> remove_directory(std::string path) = 0;
  // Makes the directory; well also when it exists. Parents must exist. Durable after sync_directory of its
  // parent.
  virtual Task<Result<void>> make_directory(std::string path) = 0;
  virtual Task<Result<std::vector<DirectoryEntry>>> list(std::string path) = 0;
  virtual Task<Result<bool>> exists(std::string path) = 0;
  virtual Task<Result<void>> sync_directory(std::string path) = 0;
  // syncfs of the file system that holds `path`: everything written before by anyone.
  virtual Task<Result<void>> sync_filesystem(std::string path) = 0;
  virtual Task<Result<SpaceInfo>> space(std::string path) = 0;
  // Locks a file (made when missing). Error conflict when somebody holds it: the message names the holder's
  // process id where it is known.
  virtual Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) = 0;
};

// Memory for direct I/O: `size` bytes aligned to 4096, zeroed.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size);
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  ~AlignedBuffer();
  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  MutableBytes bytes() { return {data_, size_}; }
  BytesView view() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Reads the whole file. Error limit when it is larger than `size_max` bytes.
Task<Result<Bytes>> read_file(FileSystem& files, std::string path, size_t size_max);

}  // namespace godwit::runtime
