// The contract of coordination, as tests that every implementation passes. Beside it stand those for engines with several
// clients (clients_testing.h) and with a server of their own (server_testing.h); patient_testing.h has what takes long of both.
//
//   INSTANTIATE_TEST_SUITE_P(Memory, CoordinationContract, testing::Values(on_sim(open_memory)));
#pragma once

#include <algorithm>

#include "coordination/contract/host_testing.h"

namespace godwit::coordination {

class CoordinationContract : public testing::TestWithParam<MakeHost> {
 protected:
  // Runs a scenario on an empty store, to its end.
  void with_store(std::function<runtime::Task<void>(Coordination&, runtime::Runtime&)> scenario) {
    const auto host = GetParam()();
    host->run([&](runtime::Runtime& runtime) -> runtime::Task<void> {
      const auto store = co_await host->connect();
      GW_REQUIRE(store != nullptr);
      co_await scenario(*store, runtime);
      co_await store->close();
    });
  }
};

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
    EXPECT_FALSE(co_await read(store, "/topics/a"));
    const auto topics = store.watch("/topics/");
    const auto brokers = store.watch("/brokers/");
    // A watch may begin with news: both are asked once before it counts.
    EXPECT_TRUE(co_await put(store, "/topics/a", "first"));
    EXPECT_TRUE(co_await put(store, "/brokers/1", "first"));
    EXPECT_TRUE(co_await topics->changed());
    EXPECT_TRUE(co_await brokers->changed());
    bool told = false;
    runtime.shard(0).spawn([](Watch& watch, bool& flag) -> runtime::Task<void> {
      flag = (co_await watch.changed()).has_value();
    }(*topics, told));
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(co_await put(store, "/brokers/1", "again"));
      EXPECT_TRUE(co_await put(store, "/topics", "no slash: not under the prefix"));
      EXPECT_TRUE(co_await brokers->changed());
      EXPECT_FALSE(told);
    }
    EXPECT_TRUE(co_await put(store, "/topics/a", "second"));
    EXPECT_TRUE(co_await eventually([&told]() -> runtime::Task<bool> { co_return told; }));
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

TEST_P(CoordinationContract, AKeyThatWasPutAnewWithoutTheLeaseOutlivesIt) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    auto lease = co_await store.grant(std::chrono::seconds(3));
    Transaction leased;
    leased.put_leased("/live/1", value_of("x")).put_leased("/live/2", value_of("x"));
    EXPECT_TRUE(co_await (*lease)->commit(std::move(leased)));
    Transaction lasting;
    lasting.put("/live/1", value_of("y"));
    EXPECT_TRUE(co_await store.commit(std::move(lasting)));
    EXPECT_TRUE(co_await (*lease)->revoke());
    EXPECT_TRUE(*co_await store.get("/live/1"));
    EXPECT_FALSE(*co_await store.get("/live/2"));
  });
}

TEST_P(CoordinationContract, AStaleVersionIsRefusedForAKeyThatWasDeletedAndMadeAgain) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    EXPECT_TRUE(co_await put(store, "/a", "1"));
    const auto old = co_await store.get("/a");
    Transaction again;
    again.remove("/a");
    EXPECT_TRUE(co_await store.commit(std::move(again)));
    Transaction on_nothing;
    on_nothing.require("/a", (*old)->version).put("/a", value_of("late"));
    GW_EXPECT_ERROR(co_await store.commit(std::move(on_nothing)), ErrorKind::conflict);
    EXPECT_TRUE(co_await put(store, "/a", "1"));
    Transaction stale;
    stale.require("/a", (*old)->version).remove("/a");
    GW_EXPECT_ERROR(co_await store.commit(std::move(stale)), ErrorKind::conflict);
    EXPECT_EQ(co_await read(store, "/a"), "1");
  });
}

TEST_P(CoordinationContract, RemovingWhatIsNotThereChangesNothingAndIsNoError) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    Transaction removal;
    removal.remove("/none").put("/a", value_of("1"));
    EXPECT_TRUE(co_await store.commit(std::move(removal)));
    EXPECT_EQ(co_await read(store, "/a"), "1");
  });
}

TEST_P(CoordinationContract, ATransactionOfAsManyOperationsAsAllowedIsCarriedOut) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    Transaction full;
    for (size_t i = 0; i < kTransactionOperationsMax / 2; ++i) {
      full.require("/k" + std::to_string(i), kAbsent).put("/k" + std::to_string(i), value_of("x"));
    }
    EXPECT_TRUE(co_await store.commit(std::move(full)));
    EXPECT_EQ((co_await store.list("/k"))->size(), kTransactionOperationsMax / 2);
    Transaction large;
    large.put("/large", Bytes(kTransactionBytesMax - 1000, std::byte{7}));
    EXPECT_TRUE(co_await store.commit(std::move(large)));
    EXPECT_EQ((**co_await store.get("/large")).value.size(), kTransactionBytesMax - 1000);
  });
}

// More than one answer of any engine holds: etcd refuses answers above 4 MB.
TEST_P(CoordinationContract, AListOfManyKeysIsCompleteAndInOrder) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    constexpr int kKeys = 3000;
    const auto name = [](int i) { return "/many/" + std::to_string(10'000 + i); };
    for (int begin = 0; begin < kKeys; begin += 100) {
      Transaction some;
      for (int i = begin; i < begin + 100; ++i) some.put(name(i), Bytes(2000, static_cast<std::byte>(i)));
      EXPECT_TRUE(co_await store.commit(std::move(some)));
    }
    const auto all = co_await store.list("/many/");
    GW_REQUIRE_OK(all);
    GW_REQUIRE(all->size() == kKeys);
    for (int i = 0; i < kKeys; ++i) {
      GW_REQUIRE((*all)[static_cast<size_t>(i)].key == name(i));
      GW_REQUIRE((*all)[static_cast<size_t>(i)].value == Bytes(2000, static_cast<std::byte>(i)));
    }
  });
}

TEST_P(CoordinationContract, AnEmptyValueIsAValue) {
  with_store([](Coordination& store, runtime::Runtime&) -> runtime::Task<void> {
    EXPECT_TRUE(co_await put(store, "/empty", ""));
    EXPECT_EQ(co_await read(store, "/empty"), "");
    Transaction again;
    again.require("/empty", kAbsent).put("/empty", value_of("x"));
    GW_EXPECT_ERROR(co_await store.commit(std::move(again)), ErrorKind::conflict);
  });
}

TEST_P(CoordinationContract, ALeaseThatWasRevokedSaysSoToWhoWaitsForItsEnd) {
  with_store([](Coordination& store, runtime::Runtime& runtime) -> runtime::Task<void> {
    auto lease = co_await store.grant(std::chrono::seconds(3));
    GW_REQUIRE_OK(lease);
    std::optional<ErrorKind> told;
    runtime.shard(0).spawn([](Lease& mine, std::optional<ErrorKind>& kind) -> runtime::Task<void> {
      const auto ended = co_await mine.lost();
      if (!ended) kind = ended.error().kind;
    }(**lease, told));
    EXPECT_TRUE(co_await (*lease)->revoke());
    EXPECT_TRUE(co_await eventually([&told]() -> runtime::Task<bool> { co_return told.has_value(); }));
    EXPECT_EQ(told, ErrorKind::closed);
    EXPECT_LE((*lease)->valid_until(), runtime.shard(0).now());
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
