#include "runtime/real/thread_slice.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace godwit::runtime::real {
namespace {

// As sched_setattr(2) has it; the C library here knows neither the call nor this.
struct Attributes {
  uint32_t size = sizeof(Attributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;  // of an ordinary thread: its slice; 0 for the usual one
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};

constexpr uint64_t kShortestNs = 100'000;

void set_slice(uint64_t slice_ns) {
  Attributes attributes;
  // What somebody set for this process (nice, chrt) stays.
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;
  attributes.size = sizeof attributes;
  attributes.runtime_ns = slice_ns;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

void ask_for_short_slices() {
  set_slice(kShortestNs);
}

void ask_for_usual_slices() {
  set_slice(0);
}

}  // namespace godwit::runtime::real
