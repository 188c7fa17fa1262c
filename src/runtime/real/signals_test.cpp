#include "runtime/real/signals.h"

#include <csignal>

#include "runtime/real/real_world.h"

namespace godwit::runtime {
namespace {

int run(Task<int> (*scenario)(Runtime&)) {
  RecordingSink diagnostics;
  const auto runtime = make_real_runtime({.shards = 2}, diagnostics);
  return runtime->run(scenario(*runtime));
}

// Installs the handler for SIGUSR2 without waiting for it.
Task<void> install_handler() {
  auto waiting = wait_for_signal({SIGUSR2});
  waiting.start();
  co_return;
}

TEST(Signals, one_that_waits_is_told_which_signal_came) {
  EXPECT_EQ(run([](Runtime&) -> Task<int> {
              Shard::current()->post([] { ::raise(SIGUSR1); });
              co_return co_await wait_for_signal({SIGUSR1, SIGUSR2});
            }),
            SIGUSR1);
}

TEST(Signals, one_that_came_between_two_waits_is_kept) {
  EXPECT_EQ(run([](Runtime&) -> Task<int> {
              Shard::current()->post([] { ::raise(SIGUSR1); });
              co_await wait_for_signal({SIGUSR1, SIGUSR2});
              ::raise(SIGUSR2);
              co_return co_await wait_for_signal({SIGUSR1, SIGUSR2});
            }),
            SIGUSR2);
}

TEST(Signals, a_waiter_on_another_shard_is_told_of_a_signal_to_the_process) {
  EXPECT_EQ(run([](Runtime& runtime) -> Task<int> {
              auto waiting = runtime.shard(1).call([] { return wait_for_signal({SIGUSR2}); });
              const auto kill_later = []() -> Task<void> {
                co_await sleep_for(std::chrono::milliseconds(2));
                ::kill(::getpid(), SIGUSR2);
              };
              // Before the handler is there, the signal would end the process.
              co_await install_handler();
              Shard::current()->spawn(kill_later());
              co_return co_await waiting;
            }),
            SIGUSR2);
}

TEST(Signals, a_frame_that_waited_and_was_destroyed_leaves_no_bell_behind) {
  EXPECT_EQ(run([](Runtime&) -> Task<int> {
              for (int i = 0; i < 100; ++i) {
                auto waiting = wait_for_signal({SIGUSR1});
                waiting.start();
              }
              co_return 1;
            }),
            1);
}

TEST(Signals, a_peer_that_is_gone_does_not_kill_the_process) {
  EXPECT_EQ(run([](Runtime&) -> Task<int> {
              int ends[2];
              if (::pipe(ends) != 0) co_return 0;
              ::close(ends[0]);
              const ssize_t written = ::write(ends[1], "x", 1);
              ::close(ends[1]);
              co_return written == -1 ? 7 : 0;
            }),
            7);
}

}  // namespace
}  // namespace godwit::runtime
