#include "runtime/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "runtime/manual_shard.h"

namespace godwit::runtime {
namespace {

Task<int> give(int value) {
  co_return value;
}
Task<int> add(int a, int b) {
  co_return co_await give(a) + co_await give(b);
}
Task<void> store(Task<int> task, int& out) {
  out = co_await task;
}

TEST(Task, starts_when_it_is_awaited_and_hands_its_result_on) {
  ManualShard shard;
  bool started = false;
  const auto mark = [](bool& flag) -> Task<int> {
    flag = true;
    co_return 1;
  };
  Task<int> task = mark(started);
  EXPECT_FALSE(started);
  int result = 0;
  shard.spawn(store(std::move(task), result));
  EXPECT_TRUE(started);
  EXPECT_FALSE(task);
  EXPECT_EQ(result, 1);
  shard.spawn(store(add(2, 3), result));
  EXPECT_EQ(result, 5);
}

TEST(Task, moves_results_that_cannot_be_copied) {
  ManualShard shard;
  const auto make = []() -> Task<std::unique_ptr<std::string>> {
    co_return std::make_unique<std::string>("x");
  };
  std::unique_ptr<std::string> out;
  const auto keep = [](auto from, std::unique_ptr<std::string>& to) -> Task<void> { to = co_await from(); };
  shard.spawn(keep(make, out));
  EXPECT_EQ(*out, "x");
}

Task<int> deep(int levels) {
  if (levels == 0) co_return 0;
  co_return 1 + co_await deep(levels - 1);
}

TEST(Task, a_loop_of_awaits_that_need_no_waiting_takes_no_stack) {
  ManualShard shard;
  int result = 0;
  const auto count = [](int rounds) -> Task<int> {
    int sum = 0;
    for (int i = 0; i < rounds; ++i) sum += co_await give(1);
    co_return sum;
  };
  shard.spawn(store(count(1'000'000), result));
  EXPECT_EQ(result, 1'000'000);
  shard.spawn(store(deep(100'000), result));
  EXPECT_EQ(result, 100'000);
}

TEST(Task, destroying_a_suspended_one_destroys_those_that_it_awaits_from_the_inside_out) {
  ManualShard shard;
  struct Witness {
    std::string& order;
    char mark;
    ~Witness() { order += mark; }
  };
  std::string order;
  const auto inner = [](std::string& out) -> Task<void> {
    const Witness witness{out, 'i'};
    co_await sleep_for(std::chrono::hours(1));
  };
  const auto outer = [](auto await_first, std::string& out) -> Task<void> {
    const Witness witness{out, 'o'};
    co_await await_first(out);
  };
  shard.spawn(outer(inner, order));
  EXPECT_EQ(shard.spawned(), 1u);
  EXPECT_EQ(shard.timers(), 1u);
  shard.crash();
  EXPECT_EQ(order, "io");
  EXPECT_EQ(shard.spawned(), 0u);
  EXPECT_EQ(shard.timers(), 0u);
}

TEST(Task, one_that_throws_stops_the_process_and_says_what) {
  const auto die = [] {
    ManualShard shard;
    const auto thrower = []() -> Task<void> {
      co_await yield();
      throw std::runtime_error("the reason");
    };
    shard.spawn(thrower());
    shard.settle();
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(die(), "the reason");
}

TEST(Task, replaced_by_assignment_it_is_destroyed) {
  ManualShard shard;
  auto witness = std::make_shared<int>(0);
  const auto hold = [](std::shared_ptr<int> held) -> Task<int> {
    co_await yield();
    co_return *held;
  };
  Task<int> task = hold(witness);
  task.start();
  EXPECT_EQ(witness.use_count(), 2);
  task = give(1);
  EXPECT_EQ(witness.use_count(), 1);
  shard.settle();  // the destroyed frame is not resumed
}

}  // namespace
}  // namespace godwit::runtime
