// The operating system's files and directories. Every operation goes to a pool of threads, or is done in
// place on a shard that may block.
#pragma once

#include <memory>

#include "runtime/file.h"
#include "runtime/real/worker_pool.h"

namespace godwit::runtime::real {

class PosixFileSystem final : public FileSystem {
 public:
  // `pools` must outlive it and the files that it opens.
  explicit PosixFileSystem(WorkerPools& pools);
  ~PosixFileSystem() override;

  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override;
  Task<Result<void>> rename(std::string from, std::string to) override;
  Task<Result<void>> remove(std::string path) override;
  Task<Result<void>> remove_directory(std::string path) override;
  Task<Result<void>> make_directory(std::string path) override;
  Task<Result<std::vector<DirectoryEntry>>> list(std::string path) override;
  Task<Result<bool>> exists(std::string path) override;
  Task<Result<void>> sync_directory(std::string path) override;
  Task<Result<void>> sync_filesystem(std::string path) override;
  Task<Result<SpaceInfo>> space(std::string path) override;
  Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) override;

 private:
  WorkerPool& pool_of(OpenOptions::Lane lane);
  WorkerPools& pools_;
  // Linux tells a descriptor of errors of writing back since it was opened, and each of them once, to whichever asks
  // first. So each path of sync_filesystem() keeps one descriptor, and an error that it was told stays: every later call
  // for that path fails, one at a time.
  struct Synced;
  std::shared_ptr<Synced> synced_;
};

}  // namespace godwit::runtime::real
