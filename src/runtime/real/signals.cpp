#include "runtime/real/signals.h"

#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

#include "runtime/real/event_loop.h"
#include "runtime/sync.h"

namespace godwit::runtime {
namespace real {
namespace {

static_assert(kSignalHangUp == SIGHUP && kSignalInterrupt == SIGINT && kSignalTerminate == SIGTERM);

constexpr size_t kSignals = 65;  // numbers 1 to 64
constexpr size_t kWaitersMax = 16;

// A process has one handler for a signal, so this alone is global. The handler may do little: it sets a flag
// and writes to the eventfd of each who waits (a slot holds the descriptor + 1).
std::array<std::atomic<bool>, kSignals> arrived;
// Descriptors plus one. They stay for the process's life: a handler that has just read one may be kept from writing to it while
// whoever waited goes, and must not write to what has its number then.
std::array<std::atomic<int>, kWaitersMax> bells;
std::array<std::atomic<bool>, kWaitersMax> taken;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void on_signal(int number) {
  const int saved = errno;
  arrived[static_cast<size_t>(number)] = true;
  for (std::atomic<int>& bell : bells) {
    const int descriptor = bell.load() - 1;
    const uint64_t one = 1;
    if (descriptor < 0) continue;
    [[maybe_unused]] const ssize_t written = ::write(descriptor, &one, sizeof one);
  }
  errno = saved;
}

void install(int number) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigfillset(&action.sa_mask);
  GW_CHECK(::sigaction(number, &action, nullptr) == 0, "a signal that is waited for can be caught");
}

// Rings while it lives: the loop wakes when a signal arrives.
class Bell final : public Watched {
 public:
  explicit Bell(EventLoop& loop) : loop_(loop) {
    while (slot_ < taken.size() && taken[slot_].exchange(true)) ++slot_;
    GW_CHECK(slot_ < taken.size(), "at most 16 coroutines wait for signals at a time");
    if (bells[slot_] == 0) bells[slot_] = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) + 1;
    GW_CHECK(bells[slot_] > 0 && loop_.watch(descriptor(), *this) == 0,
             "waiting for signals takes a descriptor");
  }
  ~Bell() override {
    loop_.unwatch(descriptor(), *this);
    taken[slot_] = false;
  }
  void on_events(uint32_t) override { rung.notify_all(); }
  Condition rung;

 private:
  int descriptor() const { return bells[slot_] - 1; }

  EventLoop& loop_;
  size_t slot_ = 0;
};

}  // namespace
}  // namespace real

Task<int> wait_for_signal(std::vector<int> signals) {
  for (const int number : signals) real::install(number);
  real::Bell bell(real::EventLoop::here());
  for (;;) {
    // Looked at after the bell was hung up, so none is missed in between.
    for (const int number : signals) {
      if (real::arrived[static_cast<size_t>(number)].exchange(false)) co_return number;
    }
    co_await bell.rung.wait();
  }
}

}  // namespace godwit::runtime
