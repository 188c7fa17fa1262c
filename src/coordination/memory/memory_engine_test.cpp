#include "coordination/memory/memory_engine.h"

#include <gtest/gtest.h>

namespace godwit::coordination {
namespace {

using namespace std::chrono_literals;
using Keys = MemoryEngine::Keys;

constexpr MonotonicTime at(Duration since_start) {
  return MonotonicTime(since_start);
}

Transaction leased(std::string key) {
  Transaction t;
  t.put_leased(std::move(key), to_bytes("x"));
  return t;
}

Transaction lasting(std::string key) {
  Transaction t;
  t.put(std::move(key), to_bytes("x"));
  return t;
}

class MemoryEngineTest : public testing::Test {
 protected:
  MemoryEngine engine{2s};
};

TEST_F(MemoryEngineTest, ALeaseEndsWithItsKeysWhenItsTimeIsOver) {
  const auto lease = engine.grant(3s, at(0s)).lease;
  ASSERT_TRUE(engine.commit(leased("/live/1"), lease));
  EXPECT_EQ(engine.next_expiry(), at(3s));
  EXPECT_EQ(engine.expire(at(3s - 1ns)), Keys{});
  EXPECT_EQ(engine.expire(at(3s)), Keys{"/live/1"});
  EXPECT_FALSE(engine.keys().get("/live/1"));
  EXPECT_EQ(engine.next_expiry(), MonotonicTime::max());
  EXPECT_EQ(engine.commit(leased("/live/1"), lease).error().kind, ErrorKind::not_found);
  EXPECT_EQ(engine.keep_alive(lease, at(3s)).error().kind, ErrorKind::not_found);
}

TEST_F(MemoryEngineTest, AKeepAliveBeginsTheTimeoutAnew) {
  const auto lease = engine.grant(3s, at(0s)).lease;
  ASSERT_TRUE(engine.keep_alive(lease, at(2s)));
  EXPECT_EQ(engine.next_expiry(), at(5s));
}

TEST_F(MemoryEngineTest, ATimeoutBelowTheMinimumIsRaisedToIt) {
  EXPECT_EQ(engine.grant(1s, at(0s)).timeout, 2s);
  EXPECT_EQ(engine.grant(3s, at(0s)).timeout, 3s);
}

TEST_F(MemoryEngineTest, AKeyHangsOnWhoeverPutItLast) {
  const auto first = engine.grant(3s, at(0s)).lease;
  const auto second = engine.grant(3s, at(0s)).lease;
  for (const char* key : {"/a", "/b", "/c"}) ASSERT_TRUE(engine.commit(leased(key), first));
  ASSERT_TRUE(engine.commit(leased("/b"), second));
  ASSERT_TRUE(engine.commit(lasting("/c")));
  EXPECT_EQ(*engine.revoke(first), Keys{"/a"});
  EXPECT_TRUE(engine.keys().get("/c"));
  EXPECT_EQ(*engine.revoke(second), Keys{"/b"});
}

TEST_F(MemoryEngineTest, ARefusedTransactionTakesNoKeyFromItsLease) {
  const auto lease = engine.grant(3s, at(0s)).lease;
  ASSERT_TRUE(engine.commit(leased("/a"), lease));
  Transaction late = lasting("/a");
  late.require("/a", kAbsent);
  EXPECT_EQ(engine.commit(late).error().kind, ErrorKind::conflict);
  EXPECT_EQ(*engine.revoke(lease), Keys{"/a"});
}

TEST_F(MemoryEngineTest, ABackupBringsItsKeysAndItsLeasesBackAndTakesTheRest) {
  const auto old = engine.grant(3s, at(0s)).lease;
  ASSERT_TRUE(engine.commit(leased("/live/1"), old));
  ASSERT_TRUE(engine.commit(lasting("/topic")));
  const auto backup = engine.snapshot();
  ASSERT_TRUE(engine.revoke(old));
  const auto young = engine.grant(3s, at(9s)).lease;
  ASSERT_TRUE(engine.commit(leased("/live/2"), young));

  engine.restore(backup, at(10s));
  EXPECT_TRUE(engine.keys().get("/live/1"));
  EXPECT_TRUE(engine.keys().get("/topic"));
  EXPECT_FALSE(engine.keys().get("/live/2"));
  EXPECT_FALSE(engine.keep_alive(young, at(10s)));
  EXPECT_EQ(engine.expire(at(13s)), Keys{"/live/1"});
  const auto next = engine.grant(3s, at(13s)).lease;
  EXPECT_NE(next, old);
  EXPECT_NE(next, young);
}

}  // namespace
}  // namespace godwit::coordination
