// The contract of engines whose server can die, hang and come back.
//
//   INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationServer, testing::Values(on_etcd()));
#pragma once

#include "coordination/contract/host_testing.h"

namespace godwit::coordination {

class CoordinationServer : public testing::TestWithParam<MakeServerHost> {
 protected:
  void with_server(
      std::function<runtime::Task<void>(Coordination&, ServerHost&, runtime::Runtime&)> scenario) {
    const auto host = GetParam()();
    host->run([&](runtime::Runtime& runtime) -> runtime::Task<void> {
      const auto store = co_await host->connect();
      GW_REQUIRE(store != nullptr);
      co_await scenario(*store, *host, runtime);
      co_await store->close();
    });
  }
  // No answer may be waited for longer than this, whatever the engine does; far below "for ever", far above what a loaded machine
  // adds.
  static constexpr Duration kAnswerMax = std::chrono::seconds(30);

  static runtime::Task<bool> answers(Coordination& store) {
    co_return (co_await store.get("/any")).has_value();
  }
  static bool is_transient(const Error& error) {
    return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timed_out;
  }
};

TEST_P(CoordinationServer, ACommitThatCouldNotBeSentIsUnavailableAndChangesNothing) {
  with_server([](Coordination& store, ServerHost& host, runtime::Runtime&) -> runtime::Task<void> {
    EXPECT_TRUE(co_await put(store, "/a", "before"));
    host.kill_server();
    // The first may still meet a connection that is only just breaking; soon it is known to be gone.
    Result<void> outcome;
    EXPECT_TRUE(co_await eventually([&]() -> runtime::Task<bool> {
      outcome = co_await put(store, "/a", "lost");
      co_return !outcome && outcome.error().kind == ErrorKind::unavailable;
    }));
    host.start_server();
    EXPECT_TRUE(co_await eventually([&] { return answers(store); }));
    EXPECT_EQ(co_await read(store, "/a"), "before");
  });
}

TEST_P(CoordinationServer, AWatchTellsOfChangesAfterTheServerCameBack) {
  with_server([](Coordination& store, ServerHost& host, runtime::Runtime&) -> runtime::Task<void> {
    const auto other = co_await host.connect();
    const auto watch = store.watch("/topics/");
    EXPECT_TRUE(co_await put(*other, "/topics/a", "0"));
    EXPECT_TRUE(co_await watch->changed());
    for (int round = 1; round <= 2; ++round) {
      host.kill_server();
      host.start_server();
      const std::string value = std::to_string(round);
      EXPECT_TRUE(co_await eventually([&]() -> runtime::Task<bool> {
        co_return (co_await put(*other, "/topics/a", value)).has_value();
      }));
      EXPECT_TRUE(co_await eventually([&] { return answers(store); }));
      while (co_await read(store, "/topics/a") != value) EXPECT_TRUE(co_await watch->changed());
    }
    co_await other->close();
  });
}

TEST_P(CoordinationServer, ACommitWithoutAnAnswerTimesOutAndIsReadBack) {
  with_server([](Coordination& store, ServerHost& host, runtime::Runtime& runtime) -> runtime::Task<void> {
    EXPECT_TRUE(co_await put(store, "/a", "before"));
    const auto before = co_await store.get("/a");
    host.freeze_server();
    const MonotonicTime start = runtime.shard(0).now();
    Transaction change;
    change.require("/a", (**before).version).put("/a", value_of("nonce"));
    GW_EXPECT_ERROR(co_await store.commit(std::move(change)), ErrorKind::timed_out);
    EXPECT_LT(runtime.shard(0).now() - start, kAnswerMax);
    host.thaw_server();
    EXPECT_TRUE(co_await eventually([&] { return answers(store); }));
    // Whether it happened is decided by reading; what was read stays so, and the old version is the judge.
    const auto found = co_await read(store, "/a");
    Transaction again;
    again.require("/a", (**before).version).put("/a", value_of("nonce"));
    const auto outcome = co_await store.commit(std::move(again));
    if (found == "nonce") {
      GW_EXPECT_ERROR(outcome, ErrorKind::conflict);
    } else if (!outcome) {
      // It was carried out between the reading and the second try: then it stands there now.
      EXPECT_EQ(outcome.error().kind, ErrorKind::conflict);
    }
    EXPECT_EQ(co_await read(store, "/a"), "nonce");
  });
}

// Counts with compare-and-set while the server is killed three times, each time in the midst of writes that succeed. Each write
// carries a nonce; an outcome that is unknown is read back. Not one increment may be lost or done twice.
TEST_P(CoordinationServer, AmbiguousOutcomesThatAreReadBackNeitherLoseNorRepeatAChange) {
  with_server([](Coordination& store, ServerHost& host, runtime::Runtime& runtime) -> runtime::Task<void> {
    // Outlives the scenario where that ends early.
    struct Progress {
      int count = 0;
      bool killed_all = false;  // and after the last time there was an increment
      bool ended = false;
    };
    const auto progress = std::make_shared<Progress>();
    runtime.shard(0).spawn([](ServerHost& server, std::shared_ptr<Progress> mine) -> runtime::Task<void> {
      for (int kill = 0; kill < 3 && !mine->ended; ++kill) {
        co_await runtime::sleep_for(std::chrono::milliseconds(150));
        if (mine->ended) co_return;
        server.kill_server();
        server.start_server();
        // What was under way may still be read back as done: an increment after that one is new.
        const int before = mine->count + 1;
        EXPECT_TRUE(co_await eventually([&]() -> runtime::Task<bool> {
          co_return mine->count > before || mine->ended;
        })) << "after kill "
            << kill;
      }
      mine->killed_all = true;
    }(host, progress));
    int& count = progress->count;
    while (!progress->killed_all) {
      const std::string mine = std::to_string(count + 1);
      const auto found = co_await store.get("/count");
      if (!found) {
        EXPECT_TRUE(is_transient(found.error())) << found.error().describe();
        if (!is_transient(found.error())) break;
        co_await runtime::sleep_for(std::chrono::milliseconds(20));
        continue;
      }
      // One writer alone: what is there is the last that was acknowledged, or the one whose outcome was unknown.
      const int there = *found ? std::stoi(std::string(as_text((**found).value))) : 0;
      EXPECT_TRUE(there == count || there == count + 1)
          << there << " is there, not " << count << " or one more";
      if (there != count && there != count + 1) break;
      if (there == count + 1) {
        ++count;
        continue;
      }
      Transaction next;
      next.require("/count", *found ? (**found).version : kAbsent).put("/count", value_of(mine));
      const auto outcome = co_await store.commit(std::move(next));
      if (outcome) {
        ++count;
        continue;
      }
      const bool expected = is_transient(outcome.error()) || outcome.error().kind == ErrorKind::conflict;
      EXPECT_TRUE(expected) << outcome.error().describe();
      if (!expected) break;
    }
    progress->ended = true;
    EXPECT_TRUE(progress->killed_all);
    EXPECT_GT(count, 3);
  });
}

TEST_P(CoordinationServer, CloseDoesNotWaitForAServerThatHangs) {
  with_server([](Coordination&, ServerHost& host, runtime::Runtime& runtime) -> runtime::Task<void> {
    const auto store = co_await host.connect();
    auto lease = co_await store->grant(std::chrono::seconds(3));
    GW_REQUIRE_OK(lease);
    const auto watch = store->watch("/");
    host.freeze_server();
    std::optional<Result<void>> outcome;
    runtime.shard(0).spawn([](Coordination& mine, std::optional<Result<void>>& out) -> runtime::Task<void> {
      out = co_await put(mine, "/a", "x");
    }(*store, outcome));
    co_await runtime::yield();
    const MonotonicTime start = runtime.shard(0).now();
    co_await store->close();
    EXPECT_LT(runtime.shard(0).now() - start, kAnswerMax);
    EXPECT_TRUE(co_await eventually([&]() -> runtime::Task<bool> { co_return outcome.has_value(); }));
    EXPECT_FALSE(*outcome);
    host.thaw_server();
  });
}

}  // namespace godwit::coordination
