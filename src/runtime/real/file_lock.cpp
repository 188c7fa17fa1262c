#include "runtime/real/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "runtime/real/descriptor.h"
#include "runtime/real/os_error.h"

namespace godwit::runtime::real {
namespace {

class LockedFile final : public FileLock {
 public:
  explicit LockedFile(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  ~LockedFile() override {
    // Not by closing alone: a child process between fork and exec may share the open file for a moment.
    ::flock(descriptor_.get(), LOCK_UN);
  }

 private:
  Descriptor descriptor_;
};

// The number at the file's begin, as text; empty when there is none (yet).
std::string read_holder(int descriptor) {
  std::array<char, 24> text{};
  const ssize_t count = ::pread(descriptor, text.data(), text.size(), 0);
  const std::string_view read(text.data(), count > 0 ? static_cast<size_t>(count) : 0);
  return std::string(read.substr(0, read.find_first_not_of("0123456789")));
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_file_blocking(const std::string& path) {
  Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!descriptor) return fail(file_error(errno, "lock", path));
  // flock belongs to the open file, so it also keeps out a second holder in this process.
  int result = 0;
  do {
    result = ::flock(descriptor.get(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    if (errno != EWOULDBLOCK) return fail(file_error(errno, "lock", path));
    const std::string holder = read_holder(descriptor.get());
    return fail(ErrorKind::conflict,
                path + " is in use by " + (holder.empty() ? "another process" : "process " + holder));
  }
  const std::string text = std::to_string(::getpid()) + "\n";
  // The name is a help for people; a full disk does not keep the lock from holding.
  if (::ftruncate(descriptor.get(), 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(descriptor.get(), text.data(), text.size(), 0);
  }
  return std::make_unique<LockedFile>(std::move(descriptor));
}

}  // namespace godwit::runtime::real
