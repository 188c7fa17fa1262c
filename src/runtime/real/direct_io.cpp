#include "runtime/real/direct_io.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "runtime/file.h"

namespace godwit::runtime::real {
namespace {

// Enough for every device and file system known: none has larger logical blocks.
constexpr size_t kSafeAlignment = 4096;

enum class Support { no, yes, unknown };
struct Answer {
  Support support = Support::unknown;
  size_t alignment = kSafeAlignment;
};

// What the kernel says about this file (since Linux 6.1, and not by every file system).
Answer ask_kernel([[maybe_unused]] int descriptor) {
#ifdef STATX_DIOALIGN
  // The kernel's own struct and call: glibc 2.36 does not know these fields.
  struct ::statx info {};
  const long result = ::syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &info);
  if (result == 0 && (info.stx_mask & STATX_DIOALIGN) != 0) {
    const size_t alignment = std::max(info.stx_dio_mem_align, info.stx_dio_offset_align);
    if (alignment == 0) return {Support::no};
    return {Support::yes, std::max<size_t>(std::bit_ceil(alignment), 512)};
  }
#endif
  return {};
}

}  // namespace

size_t enable_direct_io(int descriptor) {
  const Answer answer = ask_kernel(descriptor);
  if (answer.support == Support::no) return 1;
  const int flags = ::fcntl(descriptor, F_GETFL);
  // Not asked for at open: a refusal there can leave a new file behind.
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_DIRECT) != 0) return 1;
  if (answer.support == Support::unknown) {
    // Some file systems accept the flag and refuse the reads.
    AlignedBuffer trial(kSafeAlignment);
    if (::pread(descriptor, trial.data(), trial.size(), 0) < 0) {
      return ::fcntl(descriptor, F_SETFL, flags) == 0 ? 1 : kSafeAlignment;
    }
  }
  return answer.alignment;
}

}  // namespace godwit::runtime::real
