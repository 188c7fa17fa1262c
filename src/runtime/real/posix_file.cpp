#include "runtime/real/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

#include "runtime/real/direct_io.h"
#include "runtime/real/os_error.h"

namespace godwit::runtime::real {
namespace {

// Calls until it is not interrupted.
template <class F>
auto uninterrupted(F call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

// Writes zeros to [from, to) without direct I/O. Gives the errno, or 0.
int write_zeros(int descriptor, uint64_t from, uint64_t to) {
  // A second way to the same file, so that the first keeps its O_DIRECT for operations under way.
  const std::string name = "/proc/self/fd/" + std::to_string(descriptor);
  const Descriptor buffered(::open(name.c_str(), O_WRONLY | O_CLOEXEC));
  if (!buffered) return errno;
  const std::array<std::byte, 65536> zeros{};
  while (from < to) {
    const size_t count = std::min<uint64_t>(zeros.size(), to - from);
    const ssize_t written = uninterrupted(
        [&] { return ::pwrite(buffered.get(), zeros.data(), count, static_cast<off_t>(from)); });
    if (written < 0) return errno;
    from += static_cast<uint64_t>(written);
  }
  return 0;
}

}  // namespace

Result<std::unique_ptr<File>> PosixFile::open_blocking(std::string path, const OpenOptions& options,
                                                       WorkerPool& pool) {
  int flags = O_CLOEXEC | (options.write ? O_RDWR : O_RDONLY);
  if (options.create != OpenOptions::Create::never) flags |= O_CREAT;
  if (options.create == OpenOptions::Create::must_be_new) flags |= O_EXCL;
  Descriptor descriptor(uninterrupted([&] { return ::open(path.c_str(), flags, 0644); }));
  if (!descriptor) return fail(file_error(errno, "open", path));
  struct stat info {};
  if (::fstat(descriptor.get(), &info) != 0) return fail(file_error(errno, "open", path));
  if (S_ISDIR(info.st_mode)) return fail(file_error(EISDIR, "open", path));
  const size_t alignment = options.direct ? enable_direct_io(descriptor.get()) : 1;
  return std::make_unique<PosixFile>(std::move(descriptor), std::move(path), alignment, pool);
}

PosixFile::~PosixFile() {
  struct stat info {};
  // The last close of a removed file frees its blocks, which takes long for a large one.
  const bool removed =
      ::fstat(descriptor_.get(), &info) == 0 && info.st_nlink == 0 && info.st_size > (1 << 20);
  if (removed) pool_.submit([descriptor = std::move(descriptor_)] {});
}

Error PosixFile::error(int number, const char* doing) const {
  return file_error(number, doing, path_);
}

Result<void> PosixFile::check_alignment(uint64_t position, std::span<const BytesView> ranges) const {
  const uint64_t mask = alignment_ - 1;
  uint64_t bits = position;
  for (const BytesView range : ranges) bits |= reinterpret_cast<uintptr_t>(range.data()) | range.size();
  if ((bits & mask) == 0) return {};
  return fail(ErrorKind::invalid,
              path_ + ": direct I/O needs multiples of " + std::to_string(alignment_) + " bytes");
}

Result<size_t> PosixFile::read_blocking(uint64_t position, MutableBytes into) {
  const BytesView range = into;
  GW_TRY(return, check_alignment(position, {&range, 1}));
  size_t done = 0;
  while (done < into.size()) {
    const MutableBytes rest = into.subspan(done);
    const ssize_t count = uninterrupted([&] {
      return ::pread(descriptor_.get(), rest.data(), rest.size(), static_cast<off_t>(position + done));
    });
    if (count < 0) return fail(error(errno, "read"));
    if (count == 0) break;
    done += static_cast<size_t>(count);
    // A direct read that ends off the grid met the end of the file; going on from there would be refused.
    if (done % alignment_ != 0) break;
  }
  return done;
}

Result<void> PosixFile::write_blocking(uint64_t position, std::span<const BytesView> parts) {
  GW_TRY(return, check_alignment(position, parts));
  std::array<iovec, 512> pieces;  // below IOV_MAX
  size_t skip = 0;                // bytes of parts[0] that are written
  while (!parts.empty()) {
    size_t count = 0;
    size_t head = skip;
    for (const BytesView part : parts) {
      if (count == pieces.size()) break;
      const BytesView rest = part.subspan(head);
      head = 0;
      // iovec is not const-correct; pwritev only reads.
      if (!rest.empty()) pieces[count++] = {const_cast<std::byte*>(rest.data()), rest.size()};
    }
    ssize_t written = 0;
    if (count > 0) {
      written = uninterrupted([&] {
        return ::pwritev(descriptor_.get(), pieces.data(), static_cast<int>(count),
                         static_cast<off_t>(position));
      });
      if (written < 0) return fail(error(errno, "write"));
      // A regular file takes at least one byte or says why not; this would go round for ever.
      if (written == 0) return fail(ErrorKind::io, "write " + path_ + ": the device took nothing");
    }
    position += static_cast<uint64_t>(written);
    skip += static_cast<size_t>(written);
    while (!parts.empty() && skip >= parts.front().size()) {
      skip -= parts.front().size();
      parts = parts.subspan(1);
    }
  }
  return {};
}

Result<void> PosixFile::allocate_blocking(uint64_t size) {
  if (size == 0) return {};
  const int result =
      uninterrupted([&] { return ::fallocate(descriptor_.get(), 0, 0, static_cast<off_t>(size)); });
  if (result == 0) return {};
  if (errno != EOPNOTSUPP && errno != ENOSYS) return fail(error(errno, "allocate space for"));
  struct stat info {};
  if (::fstat(descriptor_.get(), &info) != 0) return fail(error(errno, "allocate space for"));
  const auto old_size = static_cast<uint64_t>(info.st_size);
  if (const int number = write_zeros(descriptor_.get(), old_size, size)) {
    // Leaves the file as it was; a failure to do so changes nothing about the first error.
    if (::ftruncate(descriptor_.get(), info.st_size) != 0) return fail(error(number, "allocate space for"));
    return fail(error(number, "allocate space for"));
  }
  return {};
}

Task<Result<size_t>> PosixFile::read_at(uint64_t position, MutableBytes into) {
  return on_pool(pool_, [this, position, into] { return read_blocking(position, into); });
}

Task<Result<void>> PosixFile::write_at(uint64_t position, std::span<const BytesView> parts) {
  return on_pool(pool_, [this, position, parts] { return write_blocking(position, parts); });
}

Task<Result<void>> PosixFile::sync() {
  return on_pool(pool_, [this]() -> Result<void> {
    if (uninterrupted([this] { return ::fdatasync(descriptor_.get()); }) == 0) return {};
    return fail(error(errno, "sync"));
  });
}

Task<Result<void>> PosixFile::allocate(uint64_t size) {
  return on_pool(pool_, [this, size] { return allocate_blocking(size); });
}

Task<Result<void>> PosixFile::truncate(uint64_t size) {
  return on_pool(pool_, [this, size]() -> Result<void> {
    if (uninterrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size)); }) == 0)
      return {};
    return fail(error(errno, "truncate"));
  });
}

Task<Result<uint64_t>> PosixFile::size() {
  // Answered from memory; not worth a thread.
  struct stat info {};
  if (::fstat(descriptor_.get(), &info) != 0) co_return fail(error(errno, "measure"));
  co_return static_cast<uint64_t>(info.st_size);
}

}  // namespace godwit::runtime::real
