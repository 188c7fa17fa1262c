// The contract of coordination, as tests that every implementation passes.
//
//   INSTANTIATE_TEST_SUITE_P(Memory, CoordinationContract, testing::Values(make_memory));
//
// A maker is called on a simulated (or real) shard and gives an empty store.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "coordination/coordination.h"
#include "runtime/sim/node.h"
#include "runtime/sim/world.h"

namespace godwit::coordination {

using MakeCoordination = std::function<runtime::Task<std::unique_ptr<Coordination>>(runtime::Runtime&)>;

class CoordinationContract : public testing::TestWithParam<MakeCoordination> {
 protected:
  // Runs a scenario on an empty store, to its end.
  void with_store(std::function<runtime::Task<void>(Coordination&, runtime::Runtime&)> scenario) {
    runtime::sim::World world(7);
    auto& node = world.add_node("a");
    ASSERT_TRUE(node.run([&](runtime::Runtime& runtime) -> runtime::Task<void> {
      auto store = co_await GetParam()(runtime);
      co_await scenario(*store, runtime);
      co_await store->close();
    }));
  }
};

inline Bytes value_of(std::string_view text) {
  return to_bytes(text);
}

TEST_P(CoordinationContract, AKeyIsReadAsItWasWritten) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    EXPECT_FALSE(*co_await store.get("/a"));
    Transaction write;
    write.require("/a", kAbsent).put("/a", value_of("1"));
    EXPECT_TRUE(co_await store.commit(std::move(write)));
    const auto found = co_await store.get("/a");
    EXPECT_EQ(as_text((*found)->value), "1");
    EXPECT_NE((*found)->version, kAbsent);
  });
}

TEST_P(CoordinationContract, ATransactionChangesAllOfItsKeysOrNone) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    Transaction first;
    first.put("/a", value_of("1"));
    EXPECT_TRUE(co_await store.commit(std::move(first)));
    Transaction second;
    second.require("/a", kAbsent).put("/b", value_of("2")).remove("/a");
    const auto refused = co_await store.commit(std::move(second));
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_FALSE(*co_await store.get("/b"));
    EXPECT_TRUE(*co_await store.get("/a"));
  });
}

TEST_P(CoordinationContract, AVersionDiffersAfterEveryWriteAlsoAfterDeletionAndRecreation) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    std::vector<Version> versions;
    for (int i = 0; i < 3; ++i) {
      Transaction write;
      write.put("/a", value_of("same"));
      EXPECT_TRUE(co_await store.commit(std::move(write)));
      const auto found = co_await store.get("/a");
      EXPECT_EQ(std::count(versions.begin(), versions.end(), (*found)->version), 0);
      versions.push_back((*found)->version);
      Transaction removal;
      removal.require("/a", versions.back()).remove("/a");
      EXPECT_TRUE(co_await store.commit(std::move(removal)));
    }
    Transaction stale;
    stale.require("/a", versions.front()).put("/a", value_of("late"));
    EXPECT_EQ((co_await store.commit(std::move(stale))).error().kind, ErrorKind::conflict);
  });
}

TEST_P(CoordinationContract, AListIsOrderedAndHoldsThePrefixAlone) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    Transaction write;
    for (const char* key : {"/b/2", "/b/1", "/c", "/a", "/b0"}) write.put(key, value_of(key));
    EXPECT_TRUE(co_await store.commit(std::move(write)));
    const auto listed = co_await store.list("/b/");
    std::vector<std::string> keys;
    for (const auto& entry : *listed) keys.push_back(entry.key);
    EXPECT_EQ(keys, (std::vector<std::string>{"/b/1", "/b/2"}));
  });
}

TEST_P(CoordinationContract, ATransactionThatIsTooLargeIsRefused) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    Transaction many;
    for (size_t i = 0; i <= kTransactionOperationsMax; ++i) many.put("/k" + std::to_string(i), value_of("x"));
    EXPECT_EQ((co_await store.commit(std::move(many))).error().kind, ErrorKind::limit);
    Transaction large;
    large.put("/k", Bytes(kTransactionBytesMax + 1));
    EXPECT_EQ((co_await store.commit(std::move(large))).error().kind, ErrorKind::limit);
    EXPECT_TRUE((co_await store.list(""))->empty());
  });
}

TEST_P(CoordinationContract, AWatchTellsOfChangesUnderItsPrefixAndOfNothingElse) {
  with_store([](Coordination& store, runtime::Runtime& runtime) -> runtime::Task<void> {
    const auto watch = store.watch("/topics/");
    bool told = false;
    runtime.shard(0).spawn([](Watch& w, bool& t) -> runtime::Task<void> {
      t = (co_await w.changed()).has_value();
    }(*watch, told));
    Transaction other;
    other.put("/brokers/1", value_of("x"));
    EXPECT_TRUE(co_await store.commit(std::move(other)));
    co_await runtime::sleep_for(std::chrono::seconds(1));
    EXPECT_FALSE(told);
    Transaction mine;
    mine.put("/topics/a", value_of("x"));
    EXPECT_TRUE(co_await store.commit(std::move(mine)));
    co_await runtime::sleep_for(std::chrono::seconds(1));
    EXPECT_TRUE(told);
  });
}

TEST_P(CoordinationContract, ChangesBetweenTwoWaitsOfAWatchAreNotLost) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    const auto watch = store.watch("/");
    Transaction write;
    write.put("/a", value_of("1"));
    EXPECT_TRUE(co_await store.commit(std::move(write)));
    EXPECT_TRUE(co_await watch->changed());
  });
}

TEST_P(CoordinationContract, KeysOfALeaseVanishWithIt) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    auto lease = co_await store.grant(std::chrono::seconds(3));
    EXPECT_GE((*lease)->timeout(), std::chrono::seconds(3));
    const auto claim = [] {
      Transaction t;
      t.require("/live/1", kAbsent).put_leased("/live/1", value_of("x")).put("/fence", value_of("1"));
      return t;
    };
    EXPECT_TRUE(co_await (*lease)->commit(claim()));
    EXPECT_TRUE(*co_await store.get("/live/1"));
    EXPECT_EQ((co_await (*lease)->commit(claim())).error().kind, ErrorKind::conflict);
    EXPECT_TRUE(co_await (*lease)->revoke());
    EXPECT_FALSE(*co_await store.get("/live/1"));
    EXPECT_TRUE(*co_await store.get("/fence"));
    EXPECT_EQ((co_await (*lease)->commit(claim())).error().kind, ErrorKind::not_found);
  });
}

TEST_P(CoordinationContract, NothingIsCommittedAfterClose) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    co_await store.close();
    Transaction write;
    write.put("/a", value_of("1"));
    EXPECT_EQ((co_await store.commit(std::move(write))).error().kind, ErrorKind::closed);
  });
}

}  // namespace godwit::coordination
