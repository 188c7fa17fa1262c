// What is ZooKeeper's own, against a real server; the contract is in contract_test.cpp.
#include <future>
#include <thread>

#include "coordination/zookeeper/commit.h"
#include "coordination/zookeeper/zookeeper_server_testing.h"

namespace godwit::coordination {
namespace {

using runtime::Runtime;
using runtime::Task;

class Zookeeper : public testing::Test {
 protected:
  using Scenario = std::function<Task<void>(ZookeeperHost&, Coordination&)>;
  // With one client that is connected.
  static void with(std::unique_ptr<ZookeeperHost> host, Scenario scenario) {
    ZookeeperHost& mine = *host;
    mine.run([&](Runtime&) -> Task<void> {
      const auto store = co_await mine.connect();
      co_await scenario(mine, *store);
      co_await store->close();
    });
  }
};

Result<int> count_of(const Result<std::optional<KeyValue>>& found) {
  if (!found) return fail(found.error());
  return *found ? std::stoi(std::string(as_text((**found).value))) : 0;
}

// Between reading and changing, somebody deletes the key and makes it again: its node counts from 0 as before.
TEST_F(Zookeeper, AChangeThatWasPlannedBeforeAKeyWasRecreatedIsRefused) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination& store) -> Task<void> {
    using zookeeper::Request;
    for (const bool key_is_there : {true, false}) {
      const std::string key = key_is_there ? "/g/a" : "/g/b";
      const zookeeper::KeyLayout layout(host.root());
      EXPECT_TRUE(co_await put(store, "/g/other", "x"));
      if (key_is_there) EXPECT_TRUE(co_await put(store, key, "old"));
      zookeeper::Session session(*runtime::Shard::current(), host.session_options(), nullptr);
      const MonotonicTime deadline = runtime::Shard::current()->now() + std::chrono::seconds(20);
      std::vector<Request> look{{.kind = Request::Kind::exists, .path = layout.created("/g/")},
                                {.kind = Request::Kind::exists, .path = layout.key(key)},
                                {.kind = Request::Kind::exists, .path = layout.key("/g/other")}};
      const auto found = co_await session.ask(std::move(look), deadline);
      GW_REQUIRE_OK(found);
      zookeeper::Seen seen{.groups = {{"/g/", (*found)[0].stat}}, .keys = {{"/g/other", (*found)[2].stat}}};
      seen.keys[key] = key_is_there ? std::optional((*found)[1].stat) : std::nullopt;
      Transaction late;
      late.require(key, static_cast<Version>((*found)[1].stat.changed_zxid))
          .put("/g/other", value_of("late"));
      std::vector<Request> change{{.kind = Request::Kind::change}};
      change[0].operations = *zookeeper::plan(late, seen, layout, session.id());
      if (key_is_there) GW_REQUIRE_OK(co_await store.commit(Transaction().remove(key)));
      GW_REQUIRE_OK(co_await put(store, key, "new"));
      const auto refused = co_await session.ask(std::move(change), deadline);
      GW_REQUIRE_OK(refused);
      EXPECT_EQ(refused->front().error, zookeeper::NodeError::bad_version);
      EXPECT_EQ(co_await read(store, "/g/other"), "x");
    }
  });
}

// Each write gives the key another holder, and so recreates it.
Task<void> count_by_recreation(Coordination& store, Lease& lease, int increments) {
  for (int done = 0; done < increments;) {
    const auto found = co_await store.get("/counters/a");
    const auto count = count_of(found);
    GW_REQUIRE_OK(count);
    const Version version = *found ? (**found).version : kAbsent;
    Transaction next;
    next.require("/counters/a", version);
    if (*count % 2 == 0) {
      next.put_leased("/counters/a", value_of(std::to_string(*count + 1)));
    } else {
      next.put("/counters/a", value_of(std::to_string(*count + 1)));
    }
    const auto outcome = co_await lease.commit(std::move(next));
    if (outcome) {
      ++done;
    } else {
      GW_REQUIRE(outcome.error().kind == ErrorKind::conflict ||
                 outcome.error().kind == ErrorKind::unavailable);
    }
  }
}

TEST_F(Zookeeper, AKeyThatEveryWriteRecreatesIsComparedAndSet) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination& a) -> Task<void> {
    const auto b = co_await host.connect();
    const auto lease_a = co_await a.grant(std::chrono::seconds(10));
    const auto lease_b = co_await b->grant(std::chrono::seconds(10));
    GW_REQUIRE(lease_a && lease_b);
    std::vector<Task<void>> both;
    both.push_back(count_by_recreation(a, **lease_a, 20));
    both.push_back(count_by_recreation(*b, **lease_b, 20));
    co_await runtime::when_all(std::move(both));
    EXPECT_EQ(co_await read(a, "/counters/a"), "40");
    co_await b->close();
  });
}

TEST_F(Zookeeper, AListIsWhatStoodThereAtOneInstant) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination& a) -> Task<void> {
    const auto b = co_await host.connect();
    // A token that wanders between two keys, and a third that counts along with it.
    EXPECT_TRUE(co_await put(a, "/g/x", "0"));
    bool done = false;
    bool ended = false;
    runtime::Shard::current()->spawn([](Coordination& store, bool& end, bool& out) -> Task<void> {
      for (int i = 1;; ++i) {
        if (end) break;
        Transaction step;
        step.remove(i % 2 == 0 ? "/g/y" : "/g/x")
            .put(i % 2 == 0 ? "/g/x" : "/g/y", value_of(std::to_string(i)));
        EXPECT_TRUE(co_await store.commit(std::move(step)));
        co_await runtime::sleep_for(std::chrono::milliseconds(20));
      }
      out = true;
    }(*b, done, ended));
    int seen = 0;
    while (seen < 30) {
      const auto listed = co_await a.list("/g/");
      if (!listed && listed.error().kind == ErrorKind::unavailable) continue;
      GW_REQUIRE_OK(listed);
      EXPECT_EQ(listed->size(), 1u) << "the token is at one place";
      ++seen;
    }
    done = true;
    EXPECT_TRUE(co_await eventually([&ended]() -> Task<bool> { co_return ended; }));
    co_await b->close();
  });
}

TEST_F(Zookeeper, KeysMayBeginWithOtherKeysAlsoWhereThoseAreLeased) {
  with(on_shared_zookeeper(), [](ZookeeperHost&, Coordination& store) -> Task<void> {
    const auto lease = co_await store.grant(std::chrono::seconds(10));
    GW_REQUIRE_OK(lease);
    Transaction write;
    write.put_leased("/a/b", value_of("leased"))
        .put("/a/b/c", value_of("below"))
        .put("/a", value_of("above"));
    write.put("/a/", value_of("slash")).put("/a/\xC3\xA4 %+@", value_of("odd"));
    GW_REQUIRE_OK(co_await (*lease)->commit(std::move(write)));
    const auto keys = [&store](std::string prefix) -> Task<std::vector<std::string>> {
      std::vector<std::string> found;
      const auto listed = co_await store.list(std::move(prefix));
      if (listed)
        for (const auto& entry : *listed) found.push_back(entry.key);
      co_return found;
    };
    EXPECT_EQ(co_await keys("/a"),
              (std::vector<std::string>{"/a", "/a/", "/a/b", "/a/b/c", "/a/\xC3\xA4 %+@"}));
    EXPECT_EQ(co_await keys("/a/b"), (std::vector<std::string>{"/a/b", "/a/b/c"}));
    EXPECT_EQ(co_await keys("/a/b/"), (std::vector<std::string>{"/a/b/c"}));
    EXPECT_TRUE(co_await (*lease)->revoke());
    EXPECT_EQ(co_await keys(""), (std::vector<std::string>{"/a", "/a/", "/a/b/c", "/a/\xC3\xA4 %+@"}));
  });
}

TEST_F(Zookeeper, AKeyBelongsToTheLeaseThatPutItLast) {
  with(on_shared_zookeeper(), [](ZookeeperHost&, Coordination& store) -> Task<void> {
    const auto first = co_await store.grant(std::chrono::seconds(10));
    const auto second = co_await store.grant(std::chrono::seconds(10));
    GW_REQUIRE(first && second);
    const auto put_by = [](Lease& lease, std::string value) -> Task<Result<void>> {
      Transaction write;
      write.put_leased("/live/1", value_of(value)).put_leased("/live/2", value_of(value));
      co_return co_await lease.commit(std::move(write));
    };
    EXPECT_TRUE(co_await put_by(**first, "a"));
    EXPECT_TRUE(co_await put_by(**first, "b"));
    EXPECT_TRUE(co_await put_by(**second, "c"));
    EXPECT_TRUE(co_await put(store, "/live/2", "stays"));
    EXPECT_TRUE(co_await (*first)->revoke());
    EXPECT_EQ(co_await read(store, "/live/1"), "c");
    EXPECT_TRUE(co_await (*second)->revoke());
    EXPECT_FALSE(co_await read(store, "/live/1"));
    EXPECT_EQ(co_await read(store, "/live/2"), "stays");
  });
}

TEST_F(Zookeeper, WithAUserItsNodesAreItsOwn) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination&) -> Task<void> {
    const auto mine = host.connect_as({.servers = {}, .root = {}, .user = "godwit", .password = "secret"});
    GW_REQUIRE(
        co_await eventually([&]() -> Task<bool> { co_return (co_await mine->get("/any")).has_value(); }));
    EXPECT_TRUE(co_await put(*mine, "/secrets/a", "x"));
    const auto lease = co_await mine->grant(std::chrono::seconds(10));
    GW_REQUIRE_OK(lease);
    Transaction claim;
    claim.put_leased("/secrets/b", value_of("y"));
    EXPECT_TRUE(co_await (*lease)->commit(std::move(claim)));
    const auto same = host.connect_as({.servers = {}, .root = {}, .user = "godwit", .password = "secret"});
    GW_REQUIRE(
        co_await eventually([&]() -> Task<bool> { co_return (co_await same->get("/any")).has_value(); }));
    EXPECT_EQ(co_await read(*same, "/secrets/a"), "x");
    EXPECT_EQ(co_await read(*same, "/secrets/b"), "y");
    const auto stranger = host.connect_as({});
    const auto liar = host.connect_as({.servers = {}, .root = {}, .user = "godwit", .password = "wrong"});
    for (Coordination* other : {stranger.get(), liar.get()}) {
      GW_REQUIRE(co_await eventually([&]() -> Task<bool> {
        const auto got = co_await other->get("/secrets/a");
        co_return !got && got.error().kind == ErrorKind::permission;
      }));
      GW_EXPECT_ERROR(co_await other->list("/secrets/"), ErrorKind::permission);
      GW_EXPECT_ERROR(co_await put(*other, "/secrets/a", "z"), ErrorKind::permission);
      GW_EXPECT_ERROR(co_await put(*other, "/secrets/c", "z"), ErrorKind::permission);
    }
    EXPECT_EQ(co_await read(*mine, "/secrets/a"), "x");
    for (Coordination* one : {mine.get(), same.get(), stranger.get(), liar.get()}) co_await one->close();
  });
}

TEST_F(Zookeeper, ATimeoutThatTheServerMadeLongerIsPromisedAndSaid) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination& store) -> Task<void> {
    const auto lease = co_await store.grant(std::chrono::milliseconds(50));
    GW_REQUIRE_OK(lease);
    EXPECT_EQ((*lease)->timeout(), std::chrono::milliseconds(400)) << "two ticks of the test's server";
    EXPECT_TRUE(static_cast<RecordingSink&>(host.diagnostics()).contains("coordination.lease.timeout"));
  });
}

// The watch over it has a thread and a loop of its own: this one's is stuck.
TEST_F(Zookeeper, ALeaseWhoseShardHangsLapses) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination& store) -> Task<void> {
    const auto lease = co_await store.grant(std::chrono::seconds(1));
    GW_REQUIRE_OK(lease);
    Transaction claim;
    claim.put_leased("/live/1", value_of("x"));
    EXPECT_TRUE(co_await (*lease)->commit(std::move(claim)));
    std::promise<bool> gone;
    std::thread other([&] {
      ZookeeperHost beside(host);
      beside.run([&](Runtime&) -> Task<void> {
        const auto mine = co_await beside.connect();
        const auto watch = mine->watch("/live/");
        while (co_await read(*mine, "/live/1")) EXPECT_TRUE(co_await watch->changed());
        co_await mine->close();
        gone.set_value(true);
      });
    });
    EXPECT_TRUE(gone.get_future().get());
    other.join();
    EXPECT_LE((*lease)->valid_until(), runtime::Shard::current()->now());
    EXPECT_TRUE(co_await (*lease)->lost());
  });
}

TEST_F(Zookeeper, AHolderThatIsWellAgainBeforeTheTimeoutKeepsItsLease) {
  with(on_shared_zookeeper(), [](ZookeeperHost&, Coordination& store) -> Task<void> {
    const auto lease = co_await store.grant(std::chrono::seconds(8));
    GW_REQUIRE_OK(lease);
    Transaction claim;
    claim.put_leased("/live/1", value_of("x"));
    EXPECT_TRUE(co_await (*lease)->commit(std::move(claim)));
    auto asked = std::make_shared<int>(0);
    // Ill for three beats: half of the timeout.
    (*lease)->keep_alive_while([asked] { return ++*asked > 3; });
    const auto session = [&lease]() -> Task<Result<void>> {
      Transaction again;
      again.put_leased("/live/1", value_of("again"));
      co_return co_await (*lease)->commit(std::move(again));
    };
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return *asked > 8; }));
    EXPECT_TRUE(co_await session());
    EXPECT_GT((*lease)->valid_until(), runtime::Shard::current()->now());
    EXPECT_EQ(co_await read(store, "/live/1"), "again");
  });
}

TEST_F(Zookeeper, AServerThatComesBackEmptyEndsTheSessionAndTheWatchTells) {
  const auto server = std::make_shared<ZookeeperServer>();
  with(std::make_unique<ZookeeperHost>(server), [server](ZookeeperHost& host, Coordination&) -> Task<void> {
    const auto made =
        host.connect_as({.servers = {}, .root = {}, .session_timeout = std::chrono::seconds(1)});
    Coordination& store = *made;
    // Enough that the servers' new life does not soon overtake what the old sessions have seen.
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(co_await put(store, "/topics/a", "1"));
    const auto lease = co_await store.grant(std::chrono::seconds(1));
    GW_REQUIRE_OK(lease);
    GW_REQUIRE_OK(co_await (*lease)->commit(Transaction().put("/topics/a", value_of("1"))));
    const auto watch = store.watch("/topics/");
    EXPECT_TRUE(co_await put(store, "/topics/a", "2"));
    EXPECT_TRUE(co_await watch->changed());
    host.kill_server();
    server->wipe();
    host.start_server();
    EXPECT_TRUE(co_await (*lease)->lost());
    GW_EXPECT_ERROR(co_await (*lease)->commit(Transaction().put("/topics/b", value_of("x"))),
                    ErrorKind::not_found);
    std::optional<std::string> found = "2";
    while (found) {
      EXPECT_TRUE(co_await watch->changed());
      EXPECT_TRUE(co_await eventually(
          [&]() -> Task<bool> { co_return (co_await store.get("/topics/a")).has_value(); }));
      found = co_await read(store, "/topics/a");
    }
    EXPECT_TRUE(co_await put(store, "/topics/a", "new"));
    EXPECT_EQ((co_await store.list(""))->size(), 1u);
    // Its history began anew, with lower zxids: that must not deafen the watch.
    EXPECT_TRUE(co_await watch->changed());
    EXPECT_TRUE(co_await put(store, "/topics/a", "newer"));
    EXPECT_TRUE(co_await watch->changed());
    co_await store.close();
  });
}

TEST_F(Zookeeper, AValueAsLargeAsAllowedIsWrittenAndRead) {
  with(on_shared_zookeeper(), [](ZookeeperHost&, Coordination& store) -> Task<void> {
    const std::string large(kTransactionBytesMax - 2, 'x');
    GW_REQUIRE_OK(co_await put(store, "/a", large));
    EXPECT_TRUE(co_await read(store, "/a") == large);
    GW_EXPECT_ERROR(co_await put(store, "/a", large + "x"), ErrorKind::limit);
    // What only ZooKeeper finds too large: names with many bytes that it would not take.
    Transaction odd;
    for (size_t i = 0; i < kTransactionOperationsMax; ++i)
      odd.put("/odd/" + std::to_string(i) + std::string(7'000, '\xFF'), value_of("x"));
    GW_EXPECT_ERROR(co_await store.commit(std::move(odd)), ErrorKind::limit);
    EXPECT_TRUE(co_await read(store, "/a") == large);
  });
}

TEST_F(Zookeeper, AQuotaThatTheServerEnforcesIsNoSpace) {
  with(std::make_unique<ZookeeperHost>(std::make_shared<ZookeeperServer>(200, "enforceQuota=true\n")),
       [](ZookeeperHost& host, Coordination& store) -> Task<void> {
         using zookeeper::Operation;
         using zookeeper::Request;
         GW_REQUIRE_OK(co_await put(store, "/a", "1"));
         zookeeper::Session session(*runtime::Shard::current(), host.session_options(), nullptr);
         const MonotonicTime deadline = runtime::Shard::current()->now() + std::chrono::seconds(20);
         // As `setquota -B 1000 ROOT` does.
         std::vector<Request> quota{{.kind = Request::Kind::change}};
         std::string node = "/zookeeper/quota";
         for (size_t at = 0; at != std::string::npos;) {
           const size_t next = host.root().find('/', at + 1);
           node += host.root().substr(at, next - at);
           quota[0].operations.push_back({.kind = Operation::Kind::create, .path = node, .value = {}});
           at = next;
         }
         quota[0].operations.push_back(
             {.kind = Operation::Kind::create,
              .path = node + "/zookeeper_limits",
              .value = value_of("count=-1,bytes=-1;byteHardLimit=1000;countHardLimit=-1")});
         quota[0].operations.push_back({.kind = Operation::Kind::create,
                                        .path = node + "/zookeeper_stats",
                                        .value = value_of("count=0,bytes=0")});
         const auto set = co_await session.ask(std::move(quota), deadline);
         GW_REQUIRE_OK(set);
         EXPECT_EQ(set->front().error, zookeeper::NodeError::none);
         GW_EXPECT_ERROR(co_await put(store, "/b", std::string(2000, 'x')), ErrorKind::no_space);
         EXPECT_TRUE(co_await put(store, "/a", "2"));
       });
}

TEST_F(Zookeeper, NodesThatSomebodyRemovedAreMadeAgain) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination& store) -> Task<void> {
    EXPECT_TRUE(co_await put(store, "/topics/a", "1"));
    const auto watch = store.watch("/topics/");
    EXPECT_TRUE(co_await put(store, "/topics/a", "2"));
    EXPECT_TRUE(co_await watch->changed());
    co_await host.remove_root();
    EXPECT_TRUE(co_await watch->changed());
    EXPECT_FALSE(co_await read(store, "/topics/a"));
    EXPECT_TRUE(co_await eventually(
        [&]() -> Task<bool> { co_return (co_await put(store, "/topics/a", "3")).has_value(); }));
    EXPECT_EQ(co_await read(store, "/topics/a"), "3");
  });
}

// As a removal of everything leaves it that meets a watch, which makes the group's nodes anew.
TEST_F(Zookeeper, AGroupOfWhichOnlyAPartWasRemovedIsMadeWholeAgain) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination& store) -> Task<void> {
    const zookeeper::KeyLayout layout(host.root());
    for (const std::string& part : {layout.keys("/topics/"), layout.changes("/topics/")}) {
      EXPECT_TRUE(co_await put(store, "/topics/a", "1"));
      co_await host.remove_node(part);
      EXPECT_TRUE(co_await eventually([&]() -> Task<bool> {
        co_return (co_await put(store, "/topics/a", "2")).has_value();
      })) << part;
      EXPECT_EQ(co_await read(store, "/topics/a"), "2") << part;
    }
  });
}

// Whoever made them died in between: each beginning of the row of nodes that a group needs.
TEST_F(Zookeeper, AGroupWhoseNodesWereMadeInPartIsMadeWholeByTheNextCommit) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination& store) -> Task<void> {
    using zookeeper::Request;
    EXPECT_TRUE(co_await put(store, "/whole/a", "1"));  // the root and the folders of all groups
    const zookeeper::KeyLayout layout(host.root());
    const size_t count = layout.parents_of_group("/x/").size();
    int made = 0;
    for (size_t part = 0; part < count; ++part) {
      const std::string group = "/part" + std::to_string(part) + "/";
      const auto nodes = layout.parents_of_group(group);
      zookeeper::Session session(*runtime::Shard::current(), host.session_options(), nullptr);
      const MonotonicTime deadline = runtime::Shard::current()->now() + std::chrono::seconds(5);
      for (size_t i = 0; i < part; ++i) {
        if (nodes[i].find("part") == std::string::npos) continue;  // common to all groups
        std::vector<Request> creation{{.kind = Request::Kind::create, .path = nodes[i]}};
        const auto answer = co_await session.ask(std::move(creation), deadline);
        GW_REQUIRE_OK(answer);
        made += answer->front().error == zookeeper::NodeError::none ? 1 : 0;
      }
      EXPECT_TRUE(co_await put(store, group + "a", "1")) << part;
      EXPECT_EQ(co_await read(store, group + "a"), "1") << part;
    }
    EXPECT_GT(made, 2);
  });
}

TEST_F(Zookeeper, NamesThatNobodyKnowsAreNotAnEnd) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination&) -> Task<void> {
    const auto lost =
        open_zookeeper(*runtime::Shard::current(), {.servers = "no-such-host.invalid:2181", .root = "/x"},
                       host.diagnostics());
    GW_EXPECT_ERROR(co_await lost->get("/a"), ErrorKind::unavailable);
    GW_EXPECT_ERROR(co_await put(*lost, "/a", "1"), ErrorKind::unavailable);
    co_await lost->close();
  });
}

TEST_F(Zookeeper, ItMayBeDestroyedWithoutACloseWhileMuchIsUnderWay) {
  with(on_shared_zookeeper(), [](ZookeeperHost& host, Coordination&) -> Task<void> {
    for (int i = 0; i < 10; ++i) {
      auto store = co_await host.connect();
      auto watch = store->watch("/");
      auto lease = co_await store->grant(std::chrono::seconds(3));
      int ended = 0;
      for (int k = 0; k < 20; ++k) {
        runtime::Shard::current()->spawn([](Task<Result<void>> task, int& count) -> Task<void> {
          (void)co_await task;
          ++count;
        }(put(*store, "/k" + std::to_string(k), "x"), ended));
      }
      co_await runtime::yield();
      if (i % 2 == 0) lease->reset();
      store.reset();
      EXPECT_TRUE(co_await eventually([&ended]() -> Task<bool> { co_return ended == 20; }));
    }
  });
}

TEST_F(Zookeeper, TheRuntimeMayEndWhileMuchIsUnderWay) {
  for (int i = 0; i < 5; ++i) {
    const auto host = on_shared_zookeeper();
    host->run([&](Runtime&) -> Task<void> {
      const auto store = co_await host->connect();
      const auto watch = store->watch("/");
      auto lease = co_await store->grant(std::chrono::seconds(3));
      GW_REQUIRE_OK(lease);
      runtime::Shard::current()->spawn([](Coordination& mine) -> Task<void> {
        while (co_await put(mine, "/a", "x")) continue;
      }(*store));
      co_await runtime::sleep_for(std::chrono::milliseconds(i));
      // Left as it is: what is spawned goes with the shard, after what the scenario held.
    });
  }
}

}  // namespace
}  // namespace godwit::coordination
