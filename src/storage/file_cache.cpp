#include "storage/file_cache.h"

#include <list>
#include <unordered_map>

namespace godwit::storage {
namespace {

using FilePtr = std::shared_ptr<runtime::File>;

class LruFileCache final : public FileCache {
 public:
  LruFileCache(runtime::FileSystem& files, size_t open_max) : files_(files), open_max_(open_max) {}

  runtime::Task<Result<FilePtr>> get(std::string path, bool write) override {
    std::string key = key_of(path, write);
    if (const FilePtr* open = use(key)) co_return *open;
    const uint64_t forgets = forgets_;
    runtime::OpenOptions options{.write = write, .direct = true};
    options.lane = write ? runtime::OpenOptions::Lane::write_back : runtime::OpenOptions::Lane::read;
    auto opened = co_await files_.open(key.substr(1), options);
    if (!opened && opened.error().kind == ErrorKind::limit && close_unused(0)) {
      opened = co_await files_.open(key.substr(1), options);
    }
    // Somebody else may have opened it meanwhile.
    if (const FilePtr* open = use(key)) co_return *open;
    if (!opened) co_return fail(std::move(opened).error());
    FilePtr file = std::move(*opened);
    // What was forgotten while it was being opened must not be kept open: it may be unlinked by now.
    if (forgets == forgets_) {
      lru_.push_front({key, file});
      by_key_.emplace(std::move(key), lru_.begin());
      close_unused(open_max_);
    }
    co_return file;
  }

  void forget(const std::string& path) override {
    ++forgets_;
    for (const bool write : {false, true}) {
      const auto found = by_key_.find(key_of(path, write));
      if (found == by_key_.end()) continue;
      lru_.erase(found->second);
      by_key_.erase(found);
    }
  }

  size_t open_files() const override { return lru_.size(); }
  runtime::FileSystem& files() override { return files_; }

 private:
  struct Entry {
    std::string key;
    FilePtr file;
  };

  static std::string key_of(const std::string& path, bool write) { return (write ? "w" : "r") + path; }

  const FilePtr* use(const std::string& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    lru_.splice(lru_.begin(), lru_, found->second);
    return &found->second->file;
  }

  // Closes files that nobody uses, least recently used first, until at most `keep` are open. Whether it closed
  // any.
  bool close_unused(size_t keep) {
    bool closed = false;
    auto at = lru_.end();
    while (lru_.size() > keep && at != lru_.begin()) {
      --at;
      if (at->file.use_count() > 1) continue;
      by_key_.erase(at->key);
      at = lru_.erase(at);
      closed = true;
    }
    return closed;
  }

  runtime::FileSystem& files_;
  const size_t open_max_;
  std::list<Entry> lru_;  // most recently used first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
  uint64_t forgets_ = 0;
};

}  // namespace

std::unique_ptr<FileCache> FileCache::create(runtime::FileSystem& files, size_t open_max) {
  return std::make_unique<LruFileCache>(files, open_max);
}

}  // namespace godwit::storage
