// A file of the operating system.
#pragma once

#include <string>

#include "runtime/file.h"
#include "runtime/real/descriptor.h"
#include "runtime/real/worker_pool.h"

namespace godwit::runtime::real {

class PosixFile final : public File {
 public:
  // `alignment` is 1 for a buffered file. `pool` does the blocking work and must outlive the file.
  PosixFile(Descriptor descriptor, std::string path, size_t alignment, WorkerPool& pool)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), alignment_(alignment), pool_(pool) {}
  ~PosixFile() override;

  // Opens `path`. Blocks.
  static Result<std::unique_ptr<File>> open_blocking(std::string path, const OpenOptions& options,
                                                     WorkerPool& pool);

  Task<Result<size_t>> read_at(uint64_t position, MutableBytes into) override;
  Task<Result<void>> write_at(uint64_t position, std::span<const BytesView> parts) override;
  Task<Result<void>> sync() override;
  Task<Result<void>> allocate(uint64_t size) override;
  Task<Result<void>> truncate(uint64_t size) override;
  Task<Result<uint64_t>> size() override;

  bool is_direct() const override { return alignment_ > 1; }
  size_t alignment() const override { return alignment_; }
  const std::string& path() const override { return path_; }

 private:
  Result<size_t> read_blocking(uint64_t position, MutableBytes into);
  Result<void> write_blocking(uint64_t position, std::span<const BytesView> parts);
  Result<void> allocate_blocking(uint64_t size);
  // Empty when `position` and each range suit direct I/O.
  Result<void> check_alignment(uint64_t position, std::span<const BytesView> ranges) const;
  Error error(int number, const char* doing) const;

  Descriptor descriptor_;
  std::string path_;
  size_t alignment_;
  WorkerPool& pool_;
};

}  // namespace godwit::runtime::real
