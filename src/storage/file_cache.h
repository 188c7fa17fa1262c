// Open descriptors of one shard's segments: opened at first use, the least recently used closed when there are
// too many.
//
//   auto file = co_await cache.get(path, /*write=*/false);
//   if (!file) co_return fail(file.error());
//   co_await (*file)->read_at(…);        // stays open while the pointer is held
//
// Belongs to one shard. Must outlive the get() calls under way; files may outlive it.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/file.h"

namespace godwit::storage {

class FileCache {
 public:
  virtual ~FileCache() = default;
  // At most `open_max` files stay open beside those in use. `files` must outlive the cache.
  static std::unique_ptr<FileCache> create(runtime::FileSystem& files, size_t open_max);

  // The file, opened with direct I/O when it was not open: for reading on the read lane, with `write` on the
  // write-back lane (two descriptors of one file, so that a stalled write holds up no read). Never makes a
  // file. Errors as FileSystem::open; before `limit` is answered, everything that is not in use was closed.
  virtual runtime::Task<Result<std::shared_ptr<runtime::File>>> get(std::string path, bool write) = 0;
  // Closes it once nobody uses it; before it is unlinked, or its descriptor would keep its space.
  virtual void forget(const std::string& path) = 0;
  // Files that are open because of this cache, but for forgotten ones that are still in use.
  virtual size_t open_files() const = 0;
  // Where the files are: for what is not kept open.
  virtual runtime::FileSystem& files() = 0;
};

}  // namespace godwit::storage
