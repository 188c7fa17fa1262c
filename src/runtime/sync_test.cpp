#include "runtime/sync.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "runtime/manual_shard.h"

namespace godwit::runtime {
namespace {

using std::chrono::seconds;

// Each waiter adds its letter when it is resumed.
Task<void> wait_on(Condition& condition, std::string& out, char mark) {
  co_await condition.wait();
  out += mark;
}
Task<void> wait_until(Condition& condition, MonotonicTime deadline, std::string& out) {
  out += co_await condition.wait_until(deadline) ? 'n' : 'x';
}
Task<void> take(Semaphore& semaphore, size_t units, std::string& out, char mark) {
  co_await semaphore.acquire(units);
  out += mark;
}

TEST(Condition, wakes_one_or_all_in_the_order_in_which_they_came_and_never_inside_notify) {
  ManualShard shard;
  Condition condition;
  std::string out;
  condition.notify_one();  // nobody there: forgotten
  for (const char mark : std::string("abcd")) shard.spawn(wait_on(condition, out, mark));
  condition.notify_one();
  EXPECT_EQ(out, "");
  shard.settle();
  EXPECT_EQ(out, "a");
  condition.notify_all();
  EXPECT_FALSE(condition.has_waiters());
  shard.settle();
  EXPECT_EQ(out, "abcd");
}

TEST(Condition, a_wait_with_a_deadline_ends_by_whichever_comes_first) {
  ManualShard shard;
  Condition condition;
  std::string out;
  shard.spawn(wait_until(condition, shard.now() + seconds(1), out));
  shard.advance(seconds(2));
  EXPECT_EQ(out, "x");
  EXPECT_FALSE(condition.has_waiters());
  shard.spawn(wait_until(condition, shard.now() + seconds(1), out));
  condition.notify_all();
  shard.advance(seconds(2));
  EXPECT_EQ(out, "xn");
  EXPECT_EQ(shard.timers(), 0u);
}

TEST(Condition, a_notification_is_not_lost_with_the_frame_that_it_woke) {
  ManualShard shard;
  Condition condition;
  std::string out;
  {
    Task<void> dropped = wait_on(condition, out, 'a');
    dropped.start();
    shard.spawn(wait_on(condition, out, 'b'));
    condition.notify_one();
  }
  shard.settle();
  EXPECT_EQ(out, "b");
}

TEST(Condition, may_go_before_the_frames_that_waited_for_it) {
  ManualShard shard;
  std::string out;
  auto condition = std::make_unique<Condition>();
  Task<void> waiting = wait_on(*condition, out, 'a');
  waiting.start();
  Task<void> notified = wait_on(*condition, out, 'b');
  Task<void> timed = wait_until(*condition, shard.now() + seconds(1), out);
  condition->notify_all();
  notified.start();
  condition->notify_all();
  timed.start();
  condition.reset();
  notified = {};
  timed = {};
  shard.settle();
  EXPECT_EQ(out, "a");
}

TEST(Semaphore, serves_first_come_first_served_and_lets_no_small_one_overtake) {
  ManualShard shard;
  Semaphore semaphore(10);
  std::string out;
  shard.spawn(take(semaphore, 8, out, 'a'));
  shard.spawn(take(semaphore, 5, out, 'b'));
  shard.spawn(take(semaphore, 1, out, 'c'));
  EXPECT_EQ(out, "a");
  EXPECT_FALSE(semaphore.try_acquire(1));  // others wait
  semaphore.release(1);
  shard.settle();
  EXPECT_EQ(out, "a");
  semaphore.release(7);
  shard.settle();
  EXPECT_EQ(out, "abc");
  EXPECT_EQ(semaphore.free(), 4u);
}

TEST(Semaphore, a_wish_above_its_capacity_waits_for_all_and_passes_alone) {
  ManualShard shard;
  Semaphore semaphore(10);
  std::string out;
  shard.spawn(take(semaphore, 1, out, 'a'));
  shard.spawn(take(semaphore, 1000, out, 'b'));
  EXPECT_EQ(out, "a");
  semaphore.release(1);
  shard.settle();
  EXPECT_EQ(out, "ab");
  EXPECT_EQ(semaphore.free(), 0u);
  semaphore.release(1000);
  EXPECT_EQ(semaphore.free(), 10u);
}

TEST(Semaphore, what_was_granted_to_a_destroyed_frame_comes_back) {
  ManualShard shard;
  Semaphore semaphore(1);
  std::string out;
  ASSERT_TRUE(semaphore.try_acquire(1));
  {
    Task<void> dropped = take(semaphore, 1, out, 'a');
    dropped.start();
    shard.spawn(take(semaphore, 1, out, 'b'));
    semaphore.release(1);  // granted to a, which is destroyed before it runs
  }
  shard.settle();
  EXPECT_EQ(out, "b");
}

TEST(Semaphore, a_large_wish_that_is_destroyed_no_longer_holds_up_those_behind_it) {
  ManualShard shard;
  Semaphore semaphore(10);
  std::string out;
  ASSERT_TRUE(semaphore.try_acquire(5));
  {
    Task<void> large = take(semaphore, 10, out, 'a');
    large.start();
    shard.spawn(take(semaphore, 2, out, 'b'));
    shard.settle();
    EXPECT_EQ(out, "");
  }
  shard.settle();
  EXPECT_EQ(out, "b");
}

TEST(Semaphore, giving_back_more_than_was_taken_stops_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Semaphore(1).release(1), "no more is given back");
}

TEST(Mutex, lets_one_in_at_a_time_and_the_next_when_the_lock_goes) {
  ManualShard shard;
  Mutex mutex;
  Condition go;
  std::string out;
  const auto enter = [](Mutex& in, Condition& until, std::string& text, char mark) -> Task<void> {
    const auto lock = co_await in.lock();
    text += mark;
    co_await until.wait();
  };
  for (const char mark : std::string("abc")) shard.spawn(enter(mutex, go, out, mark));
  EXPECT_EQ(out, "a");
  EXPECT_TRUE(mutex.locked());
  for (int i = 0; i < 3; ++i) {
    go.notify_one();
    shard.settle();
  }
  EXPECT_EQ(out, "abc");
  EXPECT_FALSE(mutex.locked());
}

TEST(Mutex, a_holder_that_is_destroyed_lets_go) {
  ManualShard shard;
  Mutex mutex;
  const auto hold = [](Mutex& in) -> Task<void> {
    const auto lock = co_await in.lock();
    co_await sleep_for(seconds(1000));
  };
  {
    Task<void> holder = hold(mutex);
    holder.start();
    EXPECT_TRUE(mutex.locked());
  }
  EXPECT_FALSE(mutex.locked());
}

TEST(Gate, closes_when_the_last_inside_has_left_and_lets_nobody_in_after) {
  ManualShard shard;
  Gate gate;
  Condition go;
  std::string out;
  EXPECT_TRUE(gate.spawn(shard, wait_on(go, out, 'a')));
  EXPECT_TRUE(gate.spawn(shard, wait_on(go, out, 'b')));
  EXPECT_EQ(gate.inside(), 2u);
  const auto close = [](Gate& which, std::string& text) -> Task<void> {
    co_await which.close();
    text += '!';
  };
  shard.spawn(close(gate, out));
  EXPECT_FALSE(gate.spawn(shard, wait_on(go, out, 'c')));
  go.notify_one();
  shard.settle();
  EXPECT_EQ(out, "a");
  go.notify_one();
  shard.settle();
  EXPECT_EQ(out, "ab!");
}

Task<void> drain(Queue<int>& queue, std::string& out, char mark) {
  while (const auto item = co_await queue.pop()) out += mark + std::to_string(*item);
  out += '.';
}

TEST(Queue, gives_items_in_order_and_ends_when_closed_and_drained) {
  ManualShard shard;
  Queue<int> queue;
  std::string out;
  queue.push(1);
  shard.spawn(drain(queue, out, 'a'));
  EXPECT_EQ(out, "a1");
  queue.push(2);
  queue.push(3);
  queue.close();
  queue.push(4);  // too late
  shard.settle();
  EXPECT_EQ(out, "a1a2a3.");
}

TEST(Queue, an_item_is_not_lost_with_the_popper_that_was_woken_for_it) {
  ManualShard shard;
  Queue<int> queue;
  std::string out;
  {
    Task<void> dropped = drain(queue, out, 'a');
    dropped.start();
    shard.spawn(drain(queue, out, 'b'));
    queue.push(1);
  }
  shard.settle();
  EXPECT_EQ(out, "b1");
}

TEST(WhenAll, runs_all_at_once_and_gives_their_results_in_order) {
  ManualShard shard;
  const auto late = [](int value, Duration after) -> Task<int> {
    co_await sleep_for(after);
    co_return value;
  };
  const auto gather = [](auto make, std::vector<int>& out) -> Task<void> {
    std::vector<Task<int>> tasks;
    tasks.push_back(make(1, seconds(3)));
    tasks.push_back(make(2, seconds(1)));
    tasks.push_back(make(3, seconds(2)));
    out = co_await when_all(std::move(tasks));
    co_await when_all(std::vector<Task<void>>());
    co_await when_all(std::vector<Task<int>>());
    out.push_back(4);
  };
  std::vector<int> out;
  shard.spawn(gather(late, out));
  shard.advance(seconds(3));
  EXPECT_EQ(out, (std::vector{1, 2, 3, 4}));
}

TEST(WhenAll, destroyed_half_way_it_destroys_what_it_runs) {
  ManualShard shard;
  Condition never;
  std::string out;
  {
    std::vector<Task<void>> tasks;
    for (const char mark : std::string("abc")) tasks.push_back(wait_on(never, out, mark));
    Task<void> all = when_all(std::move(tasks));
    all.start();
    EXPECT_TRUE(never.has_waiters());
    never.notify_one();
  }
  EXPECT_FALSE(never.has_waiters());
  shard.settle();
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace godwit::runtime
