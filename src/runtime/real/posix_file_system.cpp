#include "runtime/real/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>

#include "runtime/real/file_lock.h"
#include "runtime/real/os_error.h"
#include "runtime/real/posix_file.h"

namespace godwit::runtime::real {
namespace {

Result<void> well_or(bool well, const char* doing, const std::string& path) {
  if (well) return {};
  return fail(file_error(errno, doing, path));
}

// Runs `sync` on the opened directory (or file).
Result<void> sync_opened(const std::string& path, int flags, int (*sync)(int)) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  return well_or(descriptor && sync(descriptor.get()) == 0, "sync", path);
}

Result<std::vector<DirectoryEntry>> list_blocking(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (directory == nullptr) return fail(file_error(errno, "list", path));
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* const item = ::readdir(directory.get());
    if (item == nullptr) {
      if (errno != 0) return fail(file_error(errno, "list", path));
      break;
    }
    const std::string_view name = item->d_name;
    if (name == "." || name == "..") continue;
    struct stat info {};
    if (::fstatat(::dirfd(directory.get()), item->d_name, &info, 0) != 0) {
      if (errno == ENOENT) continue;  // removed meanwhile, or a link to nothing
      return fail(file_error(errno, "list", path + "/" + item->d_name));
    }
    const bool is_directory = S_ISDIR(info.st_mode);
    entries.push_back(
        {std::string(name), is_directory, is_directory ? 0 : static_cast<uint64_t>(info.st_size)});
  }
  // The kernel's order means nothing and differs between machines.
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

Result<void> make_directory_blocking(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return {};
  const int number = errno;
  struct stat info {};
  if (number == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return fail(file_error(number, "make directory", path));
}

}  // namespace

WorkerPool& PosixFileSystem::pool_of(OpenOptions::Lane lane) {
  switch (lane) {
    case OpenOptions::Lane::general:
      return pools_.general;
    case OpenOptions::Lane::read:
      return pools_.read;
    case OpenOptions::Lane::write_back:
      return pools_.write_back;
  }
  return pools_.general;
}

Task<Result<std::unique_ptr<File>>> PosixFileSystem::open(std::string path, OpenOptions options) {
  WorkerPool& pool = pool_of(options.lane);
  return on_pool(pools_.general, [path = std::move(path), options, &pool] {
    return PosixFile::open_blocking(path, options, pool);
  });
}

Task<Result<void>> PosixFileSystem::rename(std::string from, std::string to) {
  return on_pool(pools_.general, [from = std::move(from), to = std::move(to)] {
    return well_or(std::rename(from.c_str(), to.c_str()) == 0, "rename", from + " to " + to);
  });
}

Task<Result<void>> PosixFileSystem::remove(std::string path) {
  return on_pool(pools_.general,
                 [path = std::move(path)] { return well_or(::unlink(path.c_str()) == 0, "remove", path); });
}

Task<Result<void>> PosixFileSystem::remove_directory(std::string path) {
  return on_pool(pools_.general, [path = std::move(path)] {
    return well_or(::rmdir(path.c_str()) == 0, "remove directory", path);
  });
}

Task<Result<void>> PosixFileSystem::make_directory(std::string path) {
  return on_pool(pools_.general, [path = std::move(path)] { return make_directory_blocking(path); });
}

Task<Result<std::vector<DirectoryEntry>>> PosixFileSystem::list(std::string path) {
  return on_pool(pools_.general, [path = std::move(path)] { return list_blocking(path); });
}

Task<Result<bool>> PosixFileSystem::exists(std::string path) {
  return on_pool(pools_.general, [path = std::move(path)]() -> Result<bool> {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return fail(file_error(errno, "look at", path));
  });
}

Task<Result<void>> PosixFileSystem::sync_directory(std::string path) {
  return on_pool(pools_.general,
                 [path = std::move(path)] { return sync_opened(path, O_DIRECTORY, &::fsync); });
}

struct PosixFileSystem::Synced {
  struct Path {
    Descriptor descriptor;
    std::optional<Error> failed;
  };
  std::mutex mutex;
  std::map<std::string, Path> paths;

  Result<void> sync(const std::string& path) {
    const std::lock_guard lock(mutex);
    Path& at = paths[path];
    if (at.failed) return fail(*at.failed);
    if (!at.descriptor) {
      at.descriptor = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!at.descriptor) return fail(file_error(errno, "sync", path));
    }
    if (::syncfs(at.descriptor.get()) == 0) return {};
    at.failed = file_error(errno, "sync", path);
    return fail(*at.failed);
  }
};

PosixFileSystem::PosixFileSystem(WorkerPools& pools) : pools_(pools), synced_(std::make_shared<Synced>()) {}

PosixFileSystem::~PosixFileSystem() = default;

Task<Result<void>> PosixFileSystem::sync_filesystem(std::string path) {
  return on_pool(pools_.write_back,
                 [synced = synced_, path = std::move(path)] { return synced->sync(path); });
}

Task<Result<SpaceInfo>> PosixFileSystem::space(std::string path) {
  return on_pool(pools_.general, [path = std::move(path)]() -> Result<SpaceInfo> {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) return fail(file_error(errno, "measure the space of", path));
    return SpaceInfo{.total = uint64_t{info.f_blocks} * info.f_frsize,
                     .available = uint64_t{info.f_bavail} * info.f_frsize};
  });
}

Task<Result<std::unique_ptr<FileLock>>> PosixFileSystem::lock(std::string path) {
  return on_pool(pools_.general, [path = std::move(path)] { return lock_file_blocking(path); });
}

}  // namespace godwit::runtime::real
