// A simulated node's files: the interface of runtime/file.h over its Disk.
#pragma once

#include "runtime/sim/disk.h"

namespace godwit::runtime::sim {

class SimFileSystem final : public FileSystem {
 public:
  SimFileSystem(Node& node, Disk& disk) : node_(node), disk_(disk) {}

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
  Node& node_;
  Disk& disk_;
};

}  // namespace godwit::runtime::sim
