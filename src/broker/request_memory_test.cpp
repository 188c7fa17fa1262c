#include "broker/request_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

namespace godwit::broker {
namespace {

constexpr size_t kMiB = 1 << 20;
using Claim = RequestMemory::Claim;

struct RequestMemoryTest : testing::Test {
  std::unique_ptr<Claim> claim(size_t size) { return std::make_unique<Claim>(memory, size, changed); }
  // Asks for more until it waits or has all.
  static bool read(Claim& one, size_t size) {
    while (one.granted() < size && !one.waits()) one.want_more();
    return !one.waits();
  }
  RequestMemory memory{10 * kMiB};
  runtime::Condition changed;
};

TEST_F(RequestMemoryTest, ABodyGetsAStepAtATime) {
  const auto one = claim(3 * kMiB + 5);
  EXPECT_EQ(memory.free(), 10 * kMiB) << "who has sent nothing holds nothing";
  for (const size_t held : {kMiB, 2 * kMiB, 3 * kMiB, 3 * kMiB + 5}) {
    one->want_more();
    EXPECT_FALSE(one->waits());
    EXPECT_EQ(one->granted(), held);
    EXPECT_EQ(memory.free(), 10 * kMiB - held);
  }
}

TEST_F(RequestMemoryTest, OfMoreThanThereIsHoldsAllAndIsReadWhole) {
  auto one = claim(50 * kMiB);
  EXPECT_TRUE(read(*one, 50 * kMiB));
  EXPECT_EQ(memory.free(), 0U);
  const auto next = claim(5);
  EXPECT_FALSE(read(*next, 5));
  one.reset();
  EXPECT_FALSE(next->waits());
  EXPECT_EQ(memory.free(), 10 * kMiB - 5);
}

TEST_F(RequestMemoryTest, ManyThatOnlySayThatMuchComesLeaveRoomForTheOthers) {
  std::vector<std::unique_ptr<Claim>> heads;
  for (int i = 0; i < 100; ++i) {
    heads.push_back(claim(10 * kMiB));
    heads.back()->want_more();
  }
  // One of them at least could be read to its end: it alone may hold a step, for it lacks all the others.
  EXPECT_EQ(memory.free(), 9 * kMiB);
  auto small = claim(kMiB);
  EXPECT_TRUE(read(*small, kMiB));
  small.reset();
  // Who goes lets the next one begin.
  EXPECT_TRUE(heads.back()->waits());
  while (heads.size() > 1) heads.erase(heads.begin());
  EXPECT_FALSE(heads.back()->waits());
  heads.clear();
  EXPECT_EQ(memory.free(), 10 * kMiB);
}

TEST_F(RequestMemoryTest, IsGivenInTheOrderOfAsking) {
  auto all = claim(10 * kMiB);
  EXPECT_TRUE(read(*all, 10 * kMiB));
  const auto first = claim(kMiB);
  const auto second = claim(10);
  EXPECT_FALSE(read(*first, kMiB));
  EXPECT_FALSE(read(*second, 10));
  all.reset();
  EXPECT_FALSE(first->waits());
  EXPECT_FALSE(second->waits());
}

TEST_F(RequestMemoryTest, AWaitThatIsGivenUpHoldsUpNobody) {
  auto all = claim(10 * kMiB);
  EXPECT_TRUE(read(*all, 10 * kMiB));
  auto first = claim(kMiB);
  const auto second = claim(kMiB);
  EXPECT_FALSE(read(*first, kMiB));
  EXPECT_FALSE(read(*second, kMiB));
  first.reset();
  EXPECT_TRUE(second->waits());
  all.reset();
  EXPECT_FALSE(second->waits());
  EXPECT_EQ(memory.free(), 9 * kMiB);
}

// Bodies of all sizes that are read at any speed, some of which never come: whatever the order, somebody can always go on.
TEST_F(RequestMemoryTest, ThereIsAlwaysSomebodyWhoCanGoOn) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 random(seed);
    struct Body {
      size_t size;
      std::unique_ptr<Claim> claim;
    };
    std::vector<Body> bodies;
    size_t to_come = 60;
    const auto can_go_on = [](const Body& body) { return !body.claim->waits(); };
    while (to_come > 0 || !bodies.empty()) {
      if (to_come > 0 && (bodies.empty() || random() % 3 == 0)) {
        const size_t size = random() % 2 == 0 ? 1 + random() % kMiB : 1 + random() % (12 * kMiB);
        bodies.push_back({size, claim(size)});
        --to_come;
      }
      ASSERT_TRUE(std::ranges::any_of(bodies, can_go_on)) << "seed " << seed;
      auto& body = bodies[random() % bodies.size()];
      const bool whole = body.claim->granted() == body.size;
      if ((can_go_on(body) && whole) || random() % 50 == 0) {
        std::swap(body, bodies.back());
        bodies.pop_back();
      } else if (can_go_on(body)) {
        body.claim->want_more();
      }
    }
    ASSERT_EQ(memory.free(), memory.capacity());
  }
}

}  // namespace
}  // namespace godwit::broker
