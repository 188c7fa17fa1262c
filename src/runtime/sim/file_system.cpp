#include "runtime/sim/file_system.h"

#include <utility>

#include "runtime/sim/node.h"
#include "runtime/sim/sim_shard.h"

namespace godwit::runtime::sim {
namespace {

// Hands an operation to the disk and waits for its end. When the waiting frame is destroyed the disk goes on.
class OpAwaiter {
 public:
  OpAwaiter(Disk& disk, DiskOpPtr op) : disk_(disk), op_(std::move(op)) {}
  OpAwaiter(const OpAwaiter&) = delete;
  OpAwaiter& operator=(const OpAwaiter&) = delete;
  ~OpAwaiter() { op_->waiter = {}; }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    op_->shard = static_cast<SimShard*>(Shard::current());
    op_->waiter = handle;
    if (op_->shard->blocking_files()) op_->shard->block();
    disk_.submit(op_);
  }
  Result<void> await_resume() { return std::move(op_->outcome); }

 private:
  Disk& disk_;
  DiskOpPtr op_;
};

DiskOpPtr make_op(OpKind kind, std::string path) {
  auto op = std::make_shared<DiskOp>();
  op->kind = kind;
  op->path = std::move(path);
  return op;
}

// Runs `apply` on the image when the device comes to it.
template <class F>
Task<Result<void>> change(Disk& disk, DiskOpPtr op, F apply) {
  op->apply = std::move(apply);
  co_return co_await OpAwaiter(disk, op);
}

class SimFile final : public File {
 public:
  SimFile(Disk& disk, InodePtr inode, std::string path, OpenOptions options, bool direct)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), options_(options), direct_(direct) {
    disk_.image().opened(inode_);
  }
  ~SimFile() override { disk_.image().closed(inode_); }

  Task<Result<size_t>> read_at(uint64_t position, MutableBytes into) override {
    GW_TRY(co_return, aligned(position, into));
    auto op = make(OpKind::read);
    op->position = position;
    op->size = into.size();
    op->into = into;
    GW_TRY(co_return, co_await OpAwaiter(disk_, op));
    co_return static_cast<size_t>(op->count);
  }

  Task<Result<void>> write_at(uint64_t position, std::span<const BytesView> parts) override {
    GW_TRY(co_return, writable());
    auto op = make(OpKind::write);
    op->position = position;
    for (const BytesView part : parts) {
      // A vector of parts is one request: each part by itself must be aligned.
      GW_TRY(co_return, aligned(position, part));
      op->data.insert(op->data.end(), part.begin(), part.end());
    }
    op->parts.assign(parts.begin(), parts.end());
    op->size = op->data.size();
    co_return co_await OpAwaiter(disk_, op);
  }

  Task<Result<void>> sync() override { co_return co_await OpAwaiter(disk_, make(OpKind::sync)); }

  Task<Result<void>> allocate(uint64_t size) override {
    GW_TRY(co_return, writable());
    auto op = make(OpKind::allocate);
    op->size = size;
    co_return co_await change(
        disk_, op, [&disk = disk_, inode = inode_, size] { return disk.image().allocate(inode, size); });
  }

  Task<Result<void>> truncate(uint64_t size) override {
    GW_TRY(co_return, writable());
    auto op = make(OpKind::truncate);
    op->size = size;
    co_return co_await change(disk_, op, [&disk = disk_, inode = inode_, size]() -> Result<void> {
      disk.image().truncate(inode, size);
      return {};
    });
  }

  Task<Result<uint64_t>> size() override {
    // Not in this frame: the disk may come to it when the frame is gone.
    auto size = std::make_shared<uint64_t>(0);
    GW_TRY(co_return, co_await change(disk_, make(OpKind::query), [inode = inode_, size]() -> Result<void> {
             *size = inode->current().size();
             return {};
           }));
    co_return *size;
  }

  bool is_direct() const override { return direct_; }
  size_t alignment() const override { return direct_ ? disk_.options().alignment : 1; }
  const std::string& path() const override { return path_; }

 private:
  DiskOpPtr make(OpKind kind) const {
    auto op = make_op(kind, normal_path(path_));
    op->inode = inode_;
    return op;
  }
  Result<void> writable() const {
    if (options_.write) return {};
    return fail(ErrorKind::invalid, path_ + " is open for reading only");
  }
  Result<void> aligned(uint64_t position, BytesView bytes) const {
    if (!direct_) return {};
    const size_t multiple = disk_.options().alignment;
    const bool memory =
        reinterpret_cast<uintptr_t>(bytes.data()) % disk_.options().memory_alignment == 0;  // NOLINT
    if (position % multiple == 0 && bytes.size() % multiple == 0 && memory) return {};
    return fail(ErrorKind::invalid, path_ + ": direct I/O needs position, size and memory in multiples of " +
                                        std::to_string(multiple) + " bytes");
  }

  Disk& disk_;
  InodePtr inode_;
  std::string path_;
  OpenOptions options_;
  bool direct_;
};

class SimFileLock final : public FileLock {
 public:
  SimFileLock(Node& node, Disk& disk, std::string path)
      : node_(node), disk_(disk), path_(std::move(path)), incarnation_(node.incarnation()) {}
  ~SimFileLock() override {
    // A crash has released it already, and the next process may hold it.
    if (node_.alive() && node_.incarnation() == incarnation_) disk_.locks().erase(path_);
  }

 private:
  Node& node_;
  Disk& disk_;
  std::string path_;
  uint64_t incarnation_;
};

}  // namespace

Task<Result<std::unique_ptr<File>>> SimFileSystem::open(std::string path, OpenOptions options) {
  using Create = OpenOptions::Create;
  const std::string asked = path;
  path = normal_path(path);
  const bool there = disk_.image().find(path).has_value();
  const bool creates = !there && options.create != Create::never;
  auto op = make_op(creates ? OpKind::create : OpKind::open, path);
  auto& image = disk_.image();
  auto made = std::make_shared<InodePtr>();
  GW_TRY(co_return, co_await change(disk_, op, [this, &image, path, options, made]() -> Result<void> {
           auto found = image.find(path);
           if (found && options.create == Create::must_be_new)
             return fail(ErrorKind::exists, path + ": exists");
           if (!found && (found.error().kind != ErrorKind::not_found || options.create == Create::never)) {
             return fail(found.error());
           }
           if (!found) found = image.create_file(path);
           if (!found) return fail(found.error());
           if ((*found)->is_directory()) return fail(ErrorKind::invalid, path + ": is a directory");
           if (options.write && disk_.read_only())
             return fail(ErrorKind::permission, path + ": read-only file system");
           *made = *found;
           return {};
         }));
  const bool direct = options.direct && disk_.options().direct_supported;
  co_return std::make_unique<SimFile>(disk_, *made, asked, options, direct);
}

Task<Result<void>> SimFileSystem::rename(std::string from, std::string to) {
  auto op = make_op(OpKind::rename, normal_path(from));
  op->other_path = normal_path(to);
  co_return co_await change(disk_, op, [this, from, to] { return disk_.image().rename(from, to); });
}

Task<Result<void>> SimFileSystem::remove(std::string path) {
  co_return co_await change(disk_, make_op(OpKind::remove, normal_path(path)),
                            [this, path] { return disk_.image().remove(path); });
}

Task<Result<void>> SimFileSystem::remove_directory(std::string path) {
  co_return co_await change(disk_, make_op(OpKind::remove_directory, normal_path(path)),
                            [this, path] { return disk_.image().remove_directory(path); });
}

Task<Result<void>> SimFileSystem::make_directory(std::string path) {
  co_return co_await change(disk_, make_op(OpKind::make_directory, normal_path(path)),
                            [this, path] { return disk_.image().make_directory(path); });
}

Task<Result<std::vector<DirectoryEntry>>> SimFileSystem::list(std::string path) {
  auto entries = std::make_shared<std::vector<DirectoryEntry>>();
  GW_TRY(co_return, co_await change(disk_, make_op(OpKind::query, normal_path(path)),
                                    [this, path, entries]() -> Result<void> {
                                      auto found = disk_.image().list(path);
                                      if (!found) return fail(found.error());
                                      *entries = std::move(*found);
                                      return {};
                                    }));
  co_return std::move(*entries);
}

Task<Result<bool>> SimFileSystem::exists(std::string path) {
  auto there = std::make_shared<bool>(false);
  GW_TRY(co_return, co_await change(disk_, make_op(OpKind::query, normal_path(path)),
                                    [this, path, there]() -> Result<void> {
                                      *there = disk_.image().find(path).has_value();
                                      return {};
                                    }));
  co_return *there;
}

Task<Result<void>> SimFileSystem::sync_directory(std::string path) {
  co_return co_await OpAwaiter(disk_, make_op(OpKind::sync_directory, normal_path(path)));
}

Task<Result<void>> SimFileSystem::sync_filesystem(std::string path) {
  co_return co_await OpAwaiter(disk_, make_op(OpKind::sync_filesystem, normal_path(path)));
}

Task<Result<SpaceInfo>> SimFileSystem::space(std::string path) {
  auto info = std::make_shared<SpaceInfo>();
  GW_TRY(
      co_return,
      co_await change(disk_, make_op(OpKind::query, normal_path(path)), [this, path, info]() -> Result<void> {
        if (const auto found = disk_.image().find(path); !found) return fail(found.error());
        const uint64_t used = disk_.image().used();
        // An endless disk looks like one of 1 TiB.
        info->total = disk_.image().capacity != 0 ? disk_.image().capacity : uint64_t{1} << 40;
        info->available = info->total > used ? info->total - used : 0;
        return {};
      }));
  co_return *info;
}

Task<Result<std::unique_ptr<FileLock>>> SimFileSystem::lock(std::string path) {
  path = normal_path(path);
  GW_TRY(co_return, co_await change(disk_, make_op(OpKind::lock, path), [this, path]() -> Result<void> {
           if (!disk_.image().find(path)) {
             if (disk_.read_only()) return fail(ErrorKind::permission, path + ": read-only file system");
             GW_TRY(return, disk_.image().create_file(path));
           }
           if (disk_.locks().insert(path).second) return {};
           return fail(ErrorKind::conflict, path + " is locked by the process of node " + node_.name());
         }));
  co_return std::make_unique<SimFileLock>(node_, disk_, path);
}

}  // namespace godwit::runtime::sim
