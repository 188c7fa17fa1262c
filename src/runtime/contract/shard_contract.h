// What a shard promises: order of what is posted, calls between shards, timers, and that a destroyed frame is
// never resumed. Included once in a test program.
#pragma once

#include <atomic>
#include <vector>

#include "runtime/contract/world.h"
#include "runtime/sync.h"

namespace godwit::runtime::contract {

class ShardContract : public Contract {};

inline Task<void> note_after(std::vector<int>& order, Duration wait, int mark) {
  co_await sleep_for(wait);
  order.push_back(mark);
}

TEST_P(ShardContract, a_scenario_runs_on_shard_0_and_names_it) {
  run([](World& world) -> Task<void> {
    EXPECT_EQ(Shard::current(), &world.runtime().shard(0));
    EXPECT_FALSE(Shard::current()->name().empty());
    EXPECT_GE(world.runtime().shard_count(), 2u);
    co_return;
  });
}

TEST_P(ShardContract, posted_callbacks_run_in_order_and_not_inside_post) {
  run([](World&) -> Task<void> {
    std::vector<int> order;
    Condition done;
    for (int i = 0; i < 100; ++i) Shard::current()->post([&order, i] { order.push_back(i); });
    Shard::current()->post([&done] { done.notify_all(); });
    EXPECT_TRUE(order.empty());
    co_await done.wait();
    GW_REQUIRE(order.size() == 100);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
  });
}

TEST_P(ShardContract, a_call_runs_on_the_other_shard_and_its_value_comes_back) {
  run([](World& world) -> Task<void> {
    Shard& home = *Shard::current();
    Shard& other = world.runtime().shard(1);
    Shard* const ran_on = co_await other.call([] { return Shard::current(); });
    EXPECT_EQ(ran_on, &other);
    EXPECT_EQ(Shard::current(), &home);

    int nothing_returned = 0;
    co_await other.call([&nothing_returned] { nothing_returned = 7; });
    EXPECT_EQ(nothing_returned, 7);

    const std::string text = co_await other.call([]() -> Task<std::string> {
      co_await yield();
      co_return Shard::current()->name();
    });
    EXPECT_EQ(text, other.name());

    int task_ran = 0;
    co_await other.call([&task_ran]() -> Task<void> {
      co_await sleep_for(std::chrono::microseconds(10));
      task_ran = 8;
    });
    EXPECT_EQ(task_ran, 8);

    const auto moved = co_await other.call([] { return std::make_unique<int>(9); });
    EXPECT_EQ(*moved, 9);
    EXPECT_EQ(co_await home.call([] { return 10; }), 10);
  });
}

TEST_P(ShardContract, many_calls_to_and_fro_lose_nothing) {
  run([](World& world) -> Task<void> {
    Shard& other = world.runtime().shard(1);
    int64_t there = 0;  // owned by `other`
    std::vector<Task<int64_t>> calls;
    for (int64_t i = 1; i <= 2000; ++i) calls.push_back(other.call([&there, i] { return there += i, i; }));
    int64_t sum = 0;
    for (const int64_t value : co_await when_all(std::move(calls))) sum += value;
    EXPECT_EQ(sum, 2001000);
    EXPECT_EQ(co_await other.call([&there] { return there; }), 2001000);
  });
}

TEST_P(ShardContract, an_added_shard_is_one_more_place_to_run) {
  run([](World& world) -> Task<void> {
    Shard& journal = world.runtime().add_shard({.name = "journal", .blocking_files = true});
    EXPECT_EQ(journal.name(), "journal");
    EXPECT_EQ(co_await journal.call([] { return Shard::current(); }), &journal);
  });
}

TEST_P(ShardContract, time_never_goes_back_and_a_sleep_lasts_at_least_as_long_as_asked) {
  run([](World&) -> Task<void> {
    Shard& shard = *Shard::current();
    MonotonicTime before = shard.now();
    for (int i = 0; i < 10; ++i) {
      co_await sleep_for(std::chrono::microseconds(200));
      EXPECT_GE(shard.now() - before, std::chrono::microseconds(200));
      before = shard.now();
    }
    EXPECT_GT(shard.wall_now().ms, 0);
    co_await sleep_until(before);  // already past
    co_await sleep_for(-std::chrono::hours(1));
  });
}

TEST_P(ShardContract, thousands_of_timers_fire_in_the_order_of_their_times_then_of_their_starts) {
  run([](World&) -> Task<void> {
    Shard& shard = *Shard::current();
    const MonotonicTime start = shard.now() + std::chrono::milliseconds(20);
    std::vector<std::unique_ptr<Timer>> timers;
    std::vector<std::pair<int, int>> fired;
    Condition done;
    constexpr int kTimers = 5000;
    for (int i = 0; i < kTimers; ++i) {
      const int slot = i * 7919 % 50;  // many share a time
      timers.push_back(std::make_unique<Timer>(shard));
      timers.back()->start(start + std::chrono::microseconds(slot * 100), [&fired, &done, slot, i] {
        fired.emplace_back(slot, i);
        if (fired.size() == kTimers) done.notify_all();
      });
    }
    co_await done.wait();
    EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
  });
}

TEST_P(ShardContract, a_stopped_or_destroyed_timer_does_not_fire_and_a_restarted_one_fires_once) {
  run([](World&) -> Task<void> {
    Shard& shard = *Shard::current();
    const auto at = [&shard](int us) { return shard.now() + std::chrono::microseconds(us); };
    int fired = 0;
    Timer stopped(shard);
    stopped.start(at(100), [&fired] { fired += 1; });
    stopped.stop();
    EXPECT_FALSE(stopped.pending());
    {
      Timer destroyed(shard);
      destroyed.start(at(100), [&fired] { fired += 10; });
    }
    Timer restarted(shard);
    restarted.start(at(50), [&fired] { fired += 100; });
    restarted.start(at(2000), [&fired] { fired += 1000; });
    // One timer's callback stops its neighbour, which was due in the same turn.
    Timer victim(shard);
    Timer killer(shard);
    killer.start(at(3000), [&victim] { victim.stop(); });
    victim.start(killer.when(), [&fired] { fired += 10000; });
    co_await sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(fired, 1000);
  });
}

TEST_P(ShardContract, a_timer_may_start_itself_again_from_its_callback) {
  run([](World&) -> Task<void> {
    Timer timer(*Shard::current());
    int rounds = 0;
    Condition done;
    struct Again {
      Timer& timer;
      int& rounds;
      Condition& done;
      void operator()() {
        if (++rounds == 5) return done.notify_all();
        timer.start(Shard::current()->now(), Again{timer, rounds, done});
      }
    };
    timer.start(Shard::current()->now(), Again{timer, rounds, done});
    co_await done.wait();
    EXPECT_EQ(rounds, 5);
  });
}

TEST_P(ShardContract, spawned_tasks_run_at_once_until_they_wait_and_interleave_by_yield) {
  run([](World&) -> Task<void> {
    Shard& shard = *Shard::current();
    std::vector<int> order;
    const size_t before = shard.spawned();
    const auto speak = [](std::vector<int>& out, int mark) -> Task<void> {
      out.push_back(mark);
      co_await yield();
      out.push_back(mark + 10);
    };
    shard.spawn(speak(order, 1));
    shard.spawn(speak(order, 2));
    EXPECT_EQ(order, (std::vector{1, 2}));
    EXPECT_EQ(shard.spawned(), before + 2);
    co_await yield();
    EXPECT_EQ(order, (std::vector{1, 2, 11, 12}));
    EXPECT_EQ(shard.spawned(), before);
  });
}

TEST_P(ShardContract, sleeping_tasks_wake_by_their_own_times) {
  run([](World&) -> Task<void> {
    std::vector<int> order;
    std::vector<Task<void>> sleepers;
    // Of one time for all: between two looks at the clock any other program may run.
    const MonotonicTime now = Shard::current()->now();
    const auto note_at = [](std::vector<int>& into, MonotonicTime time, int mark) -> Task<void> {
      co_await sleep_until(time);
      into.push_back(mark);
    };
    sleepers.push_back(note_at(order, now + std::chrono::milliseconds(9), 3));
    sleepers.push_back(note_at(order, now + std::chrono::milliseconds(1), 1));
    sleepers.push_back(note_at(order, now + std::chrono::milliseconds(5), 2));
    co_await when_all(std::move(sleepers));
    EXPECT_EQ(order, (std::vector{1, 2, 3}));
  });
}

TEST_P(ShardContract, a_destroyed_frame_is_not_resumed_by_its_timer_or_its_call) {
  run([](World& world) -> Task<void> {
    std::vector<int> order;
    {
      Task<void> sleeper = note_after(order, std::chrono::microseconds(100), 1);
      sleeper.start();
      Task<int> call = world.runtime().shard(1).call([] { return 1; });
      call.start();
      Task<void> yielding = yield();
      yielding.start();
    }
    co_await sleep_for(std::chrono::milliseconds(3));
    // What was abandoned on the other shard has come back by now, too: posts keep their order.
    co_await world.runtime().shard(1).call([] {});
    EXPECT_TRUE(order.empty());
  });
}

TEST_P(ShardContract, tasks_that_never_end_are_destroyed_with_their_shard) {
  static std::atomic<int> destroyed;
  destroyed = 0;
  run([](World& world) -> Task<void> {
    struct Witness {
      ~Witness() { ++destroyed; }
    };
    const auto wait_for_ever = []() -> Task<void> {
      const Witness witness;
      Condition never;
      co_await never.wait();
    };
    Shard::current()->spawn(wait_for_ever());
    co_await world.runtime().shard(1).call([wait_for_ever] { Shard::current()->spawn(wait_for_ever()); });
    EXPECT_EQ(destroyed, 0);
  });
  EXPECT_EQ(destroyed, 2);
}

TEST_P(ShardContract, random_numbers_differ_and_stay_below_their_bound) {
  run([](World& world) -> Task<void> {
    Random& here = Shard::current()->random();
    EXPECT_NE(here.next(), here.next());
    for (int i = 0; i < 1000; ++i) EXPECT_LT(here.below(7), 7u);
    const uint64_t mine = here.next();
    const uint64_t theirs =
        co_await world.runtime().shard(1).call([] { return Shard::current()->random().next(); });
    EXPECT_NE(mine, theirs);
  });
}

TEST_P(ShardContract, the_machine_has_something_to_work_with) {
  run([](World& world) -> Task<void> {
    EXPECT_GE(world.runtime().machine().cores, 1u);
    EXPECT_GE(world.runtime().machine().memory, uint64_t{1} << 20);
    EXPECT_GE(world.runtime().machine().descriptors_max, 16u);
    co_return;
  });
}

}  // namespace godwit::runtime::contract
