#include "runtime/real/thread_slice.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <thread>

namespace godwit::runtime::real {
namespace {

bool kernel_knows_slices() {
  utsname name{};
  int major = 0;
  int minor = 0;
  if (::uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 12);
}

// In nanoseconds, of the calling thread.
uint64_t slice() {
  std::array<uint64_t, 7> attributes{};
  if (::syscall(SYS_sched_getattr, 0, attributes.data(), sizeof attributes, 0) != 0) return 0;
  return attributes[3];
}

TEST(ThreadSlice, IsShortForWhoAsksForItAndLeavesThePriorityAsItIs) {
  if (!kernel_knows_slices()) GTEST_SKIP() << "this kernel has one slice for all";
  std::thread([] {
    ask_for_usual_slices();
    const uint64_t usual = slice();
    EXPECT_GT(usual, 100'000U);
    const auto thread = static_cast<id_t>(::gettid());
    ASSERT_EQ(::setpriority(PRIO_PROCESS, thread, 3), 0);
    ask_for_short_slices();
    EXPECT_EQ(slice(), 100'000U);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, thread), 3);
    std::thread([] { EXPECT_EQ(slice(), 100'000U) << "those that it starts have it too"; }).join();
    ask_for_usual_slices();
    EXPECT_EQ(slice(), usual);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, thread), 3);
  }).join();
}

}  // namespace
}  // namespace godwit::runtime::real
