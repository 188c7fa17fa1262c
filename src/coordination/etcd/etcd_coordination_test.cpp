// What is etcd's own, besides the contract: several endpoints, passwords, TLS, revisions that are gone.
#include "coordination/etcd/etcd_coordination.h"

#include <fstream>

#include "coordination/etcd/etcd_testing.h"
#include "coordination/etcd/session.h"
#include "coordination/etcd/watches.h"

namespace godwit::coordination {
namespace {

using runtime::Runtime;
using runtime::Task;

// Opens a client and waits until it is answered, or null.
Task<std::unique_ptr<EtcdCoordination>> open(RealStage& stage, EtcdOptions options) {
  auto store = co_await EtcdCoordination::open(stage.runtime(), std::move(options), stage.diagnostics());
  EXPECT_TRUE(store) << store.error().describe();
  if (!store) co_return nullptr;
  EtcdCoordination& client = **store;
  const bool answered =
      co_await eventually([&client]() -> Task<bool> { co_return (co_await client.get("/any")).has_value(); });
  EXPECT_TRUE(answered);
  co_return answered ? std::move(*store) : nullptr;
}

// Writes until it succeeds; false when it does not for long.
Task<bool> put_eventually(Coordination& store, std::string key, std::string value) {
  co_return co_await eventually(
      [&]() -> Task<bool> { co_return (co_await put(store, key, value)).has_value(); });
}

TEST(Etcd, ClientsOfDifferentPrefixesDoNotSeeEachOther) {
  RealStage stage;
  EtcdServer server;
  stage.run([&](Runtime&) -> Task<void> {
    const auto a = co_await open(stage, {.endpoints = {server.endpoint()}, .prefix = "/godwit/a"});
    const auto longer = co_await open(stage, {.endpoints = {server.endpoint()}, .prefix = "/godwit/ab"});
    const auto bare = co_await open(stage, {.endpoints = {server.endpoint()}});
    GW_REQUIRE(a && longer && bare);
    const auto watch = a->watch("");
    EXPECT_TRUE(co_await put(*longer, "/x", "of ab"));
    EXPECT_TRUE(co_await put(*a, "/x", "of a"));
    EXPECT_TRUE(co_await watch->changed());
    EXPECT_EQ((co_await a->list(""))->size(), 1u);
    EXPECT_EQ(co_await read(*a, "/x"), "of a");
    EXPECT_EQ(co_await read(*bare, "/godwit/ab/x"), "of ab");
    co_await a->close();
    co_await longer->close();
    co_await bare->close();
  });
}

TEST(Etcd, OptionsThatContradictEachOtherAreRefused) {
  RealStage stage;
  stage.run([&](Runtime& runtime) -> Task<void> {
    auto& sink = stage.diagnostics();
    GW_EXPECT_ERROR(co_await EtcdCoordination::open(runtime, {}, sink), ErrorKind::invalid);
    GW_EXPECT_ERROR(
        co_await EtcdCoordination::open(runtime, {.endpoints = {{"a", 1}}, .prefix = "/a/"}, sink),
        ErrorKind::invalid);
    GW_EXPECT_ERROR(
        co_await EtcdCoordination::open(runtime, {.endpoints = {{"a", 1}}, .key_file = "/none"}, sink),
        ErrorKind::invalid);
    GW_EXPECT_ERROR(
        co_await EtcdCoordination::open(runtime, {.endpoints = {{"a", 1}}, .authority_file = "/none"}, sink),
        ErrorKind::not_found);
  });
}

TEST(Etcd, AMemberThatDiesOrHangsIsLeftForAnother) {
  RealStage stage;
  EtcdCluster cluster;
  stage.run([&](Runtime& runtime) -> Task<void> {
    const auto store = co_await open(stage, {.endpoints = cluster.endpoints(), .prefix = "/godwit/x"});
    GW_REQUIRE(store);
    const auto watch = store->watch("/");
    for (size_t victim = 0; victim < 3; ++victim) {
      const bool hangs = victim == 1;
      if (hangs) {
        cluster[victim].process().freeze();
      } else {
        cluster[victim].kill();
      }
      const std::string value = std::to_string(victim);
      EXPECT_TRUE(co_await eventually(
          [&]() -> Task<bool> { co_return (co_await put(*store, "/a", value)).has_value(); }));
      while (co_await read(*store, "/a") != value) EXPECT_TRUE(co_await watch->changed());
      if (hangs) {
        cluster[victim].process().thaw();
      } else {
        cluster[victim].start();
      }
      // The next one dies only when this one is back: a majority is there throughout.
      const auto alone =
          co_await open(stage, {.endpoints = {cluster[victim].endpoint()}, .prefix = "/godwit/x"});
      GW_REQUIRE(alone);
      EXPECT_EQ(co_await read(*alone, "/a"), value);
      co_await alone->close();
    }
    EXPECT_TRUE(stage.diagnostics().contains("coordination.unreachable"));
    EXPECT_TRUE(stage.diagnostics().contains("coordination.reachable"));
    co_await store->close();
  });
}

TEST(Etcd, WithoutAMajorityCallsAreUnavailableAndNothingOldIsRead) {
  RealStage stage;
  EtcdCluster cluster;
  stage.run([&](Runtime&) -> Task<void> {
    const auto store = co_await open(stage, {.endpoints = cluster.endpoints(), .prefix = "/godwit/x"});
    GW_REQUIRE(store);
    EXPECT_TRUE(co_await put(*store, "/a", "1"));
    cluster[1].kill();
    cluster[2].kill();
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> {
      const auto got = co_await store->get("/a");
      co_return !got && got.error().kind == ErrorKind::unavailable;
    }));
    EXPECT_FALSE(co_await put(*store, "/a", "2"));
    cluster[1].start();
    EXPECT_TRUE(co_await eventually(
        [&]() -> Task<bool> { co_return (co_await put(*store, "/a", "3")).has_value(); }));
    EXPECT_EQ(co_await read(*store, "/a"), "3");
    co_await store->close();
  });
}

TEST(Etcd, UserAndPasswordAreAskedForAndARestartedServersTokensAreMadeAnew) {
  RealStage stage;
  EtcdServer server;
  stage.run([&](Runtime& runtime) -> Task<void> {
    const EtcdOptions with{.endpoints = {server.endpoint()}, .user = "root", .password = "right"};
    const auto store = co_await open(stage, with);
    GW_REQUIRE(store);
    {
      etcd::Wire wire(runtime.shard(0), {.endpoints = {server.endpoint()}});
      EXPECT_TRUE(co_await wire.enable_auth(0, "right"));
    }
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> {
      co_return (co_await put(*store, "/a", "1")).has_value();
    })) << "a client that had needed no token gets one";
    EtcdOptions wrong = with;
    wrong.password = "wrong";
    const auto stranger = co_await EtcdCoordination::open(runtime, wrong, stage.diagnostics());
    GW_EXPECT_ERROR(co_await (*stranger)->get("/a"), ErrorKind::permission);
    GW_EXPECT_ERROR(co_await put(**stranger, "/a", "2"), ErrorKind::permission);
    const auto nobody =
        co_await EtcdCoordination::open(runtime, {.endpoints = {server.endpoint()}}, stage.diagnostics());
    GW_EXPECT_ERROR(co_await (*nobody)->get("/a"), ErrorKind::permission);
    GW_EXPECT_ERROR(co_await put(**nobody, "/a", "2"), ErrorKind::permission);
    const auto watch = store->watch("/");
    auto lease = co_await store->grant(std::chrono::seconds(2));
    GW_REQUIRE_OK(lease);
    server.kill();
    server.start();
    EXPECT_TRUE(co_await eventually(
        [&]() -> Task<bool> { co_return (co_await put(*store, "/a", "3")).has_value(); }));
    while (co_await read(*store, "/a") != "3") EXPECT_TRUE(co_await watch->changed());
    EXPECT_TRUE(co_await put(*store, "/a", "4"));
    EXPECT_TRUE(co_await watch->changed()) << "the stream has the new token";
    EXPECT_TRUE(co_await (*lease)->revoke());
    co_await (*nobody)->close();
    co_await (*stranger)->close();
    co_await store->close();
  });
}

Task<void> read_one(coordination::Coordination& store) {
  (void)co_await store.get("/a");
}

// How often the server was asked for a token.
int tokens_asked(const EtcdServer& server) {
  TemporaryDirectory folder;
  const std::string page = folder.path() + "/metrics";
  ServerProcess curl({"curl", "-s", "-o", page, "http://" + to_string(server.endpoint()) + "/metrics"},
                     folder.path() + "/curl");
  EXPECT_EQ(curl.wait(), 0);
  std::ifstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("grpc_server_started_total{grpc_method=\"Authenticate\""))
      return std::stoi(line.substr(line.rfind(' ')));
  }
  ADD_FAILURE() << "the server does not count it";
  return 0;
}

TEST(Etcd, CallsThatLackATokenAskForOneTogether) {
  // etcd works for some 60 ms of a core on a password.
  constexpr int kCalls = 100;
  RealStage stage;
  EtcdServer server;
  stage.run([&](Runtime& runtime) -> Task<void> {
    const EtcdOptions options{.endpoints = {server.endpoint()}, .user = "root", .password = "right"};
    const auto store = co_await open(stage, options);
    GW_REQUIRE(store);
    {
      etcd::Wire wire(runtime.shard(0), {.endpoints = {server.endpoint()}});
      EXPECT_TRUE(co_await wire.enable_auth(0, "right"));
    }
    const auto late = co_await EtcdCoordination::open(runtime, options, stage.diagnostics());
    runtime::Gate gate;
    for (int i = 0; i < kCalls; ++i) gate.spawn(runtime.shard(0), read_one(**late));
    co_await gate.close();
    co_await (*late)->close();
    co_await store->close();
  });
  EXPECT_LT(tokens_asked(server), 20) << "on a busy machine it may have to be asked more than once";
}

TEST(Etcd, TlsIsSpokenAndAStrangersCertificateIsNotTrusted) {
  RealStage stage;
  TemporaryDirectory folder;
  make_certificate(folder.path(), "ours");
  make_certificate(folder.path(), "other");
  const std::string ours = folder.path() + "/ours";
  EtcdServer server({.scheme = "https",
                     .more = {"--cert-file", ours + ".pem", "--key-file", ours + ".key", "--trusted-ca-file",
                              ours + ".pem", "--client-cert-auth"}});
  stage.run([&](Runtime& runtime) -> Task<void> {
    const EtcdOptions right{.endpoints = {server.endpoint()},
                            .authority_file = ours + ".pem",
                            .certificate_file = ours + ".pem",
                            .key_file = ours + ".key"};
    const auto store = co_await open(stage, right);
    GW_REQUIRE(store);
    EXPECT_TRUE(co_await put(*store, "/a", "1"));
    EtcdOptions wrong = right;
    wrong.authority_file = folder.path() + "/other.pem";
    const auto stranger = co_await EtcdCoordination::open(runtime, wrong, stage.diagnostics());
    GW_EXPECT_ERROR(co_await (*stranger)->get("/a"), ErrorKind::unavailable);
    const auto plain =
        co_await EtcdCoordination::open(runtime, {.endpoints = {server.endpoint()}}, stage.diagnostics());
    GW_EXPECT_ERROR(co_await (*plain)->get("/a"), ErrorKind::unavailable);
    for (const auto* client : {&*stranger, &*plain}) co_await (*client)->close();
    co_await store->close();
  });
}

// Rule 19. etcd grants no lease that is shorter than one and a half of its election timeouts.
TEST(Etcd, ALeaseThatIsGrantedForLongerThanAskedIsKeptForThatLongAndToldOf) {
  using namespace std::chrono_literals;
  RealStage stage;
  EtcdServer server({.more = {"--heartbeat-interval", "500", "--election-timeout", "4000"}});
  const auto warnings = [&stage] {
    std::vector<Diagnostic> found;
    for (const Diagnostic& event : stage.diagnostics().events)
      if (event.name == "coordination.lease_longer") found.push_back(event);
    return found;
  };
  stage.run([&](Runtime& runtime) -> Task<void> {
    const auto store = co_await open(stage, {.endpoints = {server.endpoint()}});
    GW_REQUIRE(store);
    const auto as_asked = co_await store->grant(10s);
    GW_REQUIRE_OK(as_asked);
    EXPECT_EQ((*as_asked)->timeout(), 10s);
    EXPECT_TRUE(warnings().empty());
    const MonotonicTime before = runtime.shard(0).now();
    const auto longer = co_await store->grant(3s);
    GW_REQUIRE_OK(longer);
    EXPECT_EQ((*longer)->timeout(), 6s);
    EXPECT_GE((*longer)->valid_until(), before + 6s) << "what was negotiated is promised";
    GW_REQUIRE(warnings().size() == 1);
    const Diagnostic told = warnings().front();
    EXPECT_EQ(told.severity, Severity::warning);
    const std::vector<std::pair<std::string, std::string>> fields = {{"asked", "3000 ms"},
                                                                     {"granted", "6000 ms"}};
    EXPECT_EQ(told.fields, fields);
    for (const auto* lease : {&*as_asked, &*longer}) EXPECT_TRUE(co_await (*lease)->revoke());
    co_await store->close();
  });
}

TEST(Etcd, ALeaseThatTheEngineDoesNotKnowCommitsNothing) {
  RealStage stage;
  EtcdServer server;
  stage.run([&](Runtime& runtime) -> Task<void> {
    const auto store = co_await open(stage, {.endpoints = {server.endpoint()}});
    GW_REQUIRE(store);
    etcd::Wire wire(runtime.shard(0), {.endpoints = {server.endpoint()}});
    Transaction claim;
    claim.put("/lasting", value_of("x")).put_leased("/live", value_of("x"));
    const auto outcome = co_await wire.transact(0, claim, "", 4711);
    GW_REQUIRE(!outcome);
    EXPECT_EQ(outcome.error().kind, etcd::Failure::Kind::not_found) << outcome.error().message;
    EXPECT_FALSE(co_await read(*store, "/lasting"));
    const auto renewed = co_await wire.keep_alive(0, 4711);
    EXPECT_TRUE(renewed && renewed->timeout <= Duration::zero());
    co_await store->close();
  });
}

TEST(Etcd, AWatchFromARevisionThatWasCompactedSaysChangedAndGoesOn) {
  RealStage stage;
  EtcdServer server;
  stage.run([&](Runtime& runtime) -> Task<void> {
    const auto store = co_await open(stage, {.endpoints = {server.endpoint()}});
    GW_REQUIRE(store);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(co_await put(*store, "/other", std::to_string(i)));
    etcd::Wire wire(runtime.shard(0), {.endpoints = {server.endpoint()}});
    EXPECT_TRUE(co_await wire.compact(0, 8));
    etcd::Session session(wire, {}, stage.diagnostics());
    etcd::Watches watches(wire, session);
    runtime::Gate gate;
    gate.spawn(runtime.shard(0), watches.run());
    const auto watched = watches.add("/a", 2);
    while (!watched->news) co_await watched->arrived.wait();
    watched->news = false;
    EXPECT_TRUE(co_await put(*store, "/a", "1"));
    while (!watched->news) co_await watched->arrived.wait();
    watches.stop();
    co_await gate.close();
    co_await store->close();
  });
}

// A server's token that it does not know (any more) is refused by the stream, not by its end, and without the watch's name.
TEST(Etcd, AWatchThatIsRefusedForAnOldTokenIsMadeAgainWithANewOne) {
  RealStage stage;
  EtcdServer server;
  stage.run([&](Runtime& runtime) -> Task<void> {
    const auto store =
        co_await open(stage, {.endpoints = {server.endpoint()}, .user = "root", .password = "right"});
    GW_REQUIRE(store);
    etcd::Wire wire(runtime.shard(0), {.endpoints = {server.endpoint()}});
    EXPECT_TRUE(co_await wire.enable_auth(0, "right"));
    EXPECT_TRUE(co_await put_eventually(*store, "/a", "1"));
    etcd::Session session(wire, {.user = "root", .password = "right"}, stage.diagnostics());
    GW_REQUIRE(co_await eventually(
        [&]() -> Task<bool> { co_return (co_await session.authenticate(0)).has_value(); }));
    // The session takes it for good from here on.
    wire.set_token("x.1");
    {
      const auto inbox = std::make_shared<etcd::WatchInbox>();
      const auto stream = wire.watch(0, inbox);
      stream->create(7, "/a", "/b", 0);
      while (inbox->news.empty()) co_await inbox->bell.wait();
      const etcd::WatchNews& news = inbox->news.front();
      EXPECT_EQ(news.kind, etcd::WatchNews::Kind::cancelled);
      EXPECT_EQ(news.watch, etcd::WatchNews::kNoWatch);
      GW_REQUIRE(news.why);
      EXPECT_EQ(news.why->kind, etcd::Failure::Kind::token) << news.why->message;
    }
    etcd::Watches watches(wire, session);
    runtime::Gate gate;
    gate.spawn(runtime.shard(0), watches.run());
    const auto watched = watches.add("/a", 0);
    const auto hears = [&]() -> Task<bool> { co_return watched->news; };
    EXPECT_TRUE(co_await eventually(hears)) << "made at last";
    watched->news = false;
    EXPECT_TRUE(co_await put_eventually(*store, "/a", "2"));
    EXPECT_TRUE(co_await eventually(hears));
    watches.stop();
    co_await gate.close();
    co_await store->close();
  });
}

Task<void> authenticate(etcd::Session& session, std::optional<bool>& out) {
  out = (co_await session.authenticate(0)).has_value();
}

TEST(Etcd, WhenTheTaskThatAsksForATokenIsDestroyedAnotherAsks) {
  RealStage stage;
  EtcdServer server;
  stage.run([&](Runtime& runtime) -> Task<void> {
    const auto store =
        co_await open(stage, {.endpoints = {server.endpoint()}, .user = "root", .password = "right"});
    GW_REQUIRE(store);
    etcd::Wire wire(runtime.shard(0),
                    {.endpoints = {server.endpoint()}, .attempt_timeout = std::chrono::seconds(10)});
    EXPECT_TRUE(co_await wire.enable_auth(0, "right"));
    etcd::Session session(wire, {.user = "root", .password = "right"}, stage.diagnostics());
    std::optional<bool> first;
    std::optional<bool> second;
    std::optional<bool> late;
    auto asks = authenticate(session, first);
    asks.start();
    auto waits = authenticate(session, second);
    waits.start();
    EXPECT_FALSE(first || second);
    asks = {};
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return second.has_value(); }));
    EXPECT_TRUE(second.value_or(false));
    auto comes = authenticate(session, late);
    comes.start();
    EXPECT_TRUE(late.value_or(false)) << "the token is there";
    co_await store->close();
  });
}

TEST(Etcd, AListThatIsTooLargeForOneAnswerComesInSmallerPages) {
  RealStage stage;
  EtcdServer server;
  stage.run([&](Runtime&) -> Task<void> {
    const auto store = co_await open(stage, {.endpoints = {server.endpoint()}});
    GW_REQUIRE(store);
    // 20 MB; an answer of more than 16 is refused.
    constexpr size_t kKeys = 25;
    for (size_t i = 0; i < kKeys; ++i) {
      Transaction write;
      write.put("/large/" + std::to_string(10 + i), Bytes(800'000, static_cast<std::byte>(i)));
      EXPECT_TRUE(co_await store->commit(std::move(write)));
    }
    const auto all = co_await store->list("/large/");
    GW_REQUIRE_OK(all);
    GW_REQUIRE(all->size() == kKeys);
    for (size_t i = 0; i < kKeys; ++i) EXPECT_EQ((*all)[i].value, Bytes(800'000, static_cast<std::byte>(i)));
    co_await store->close();
  });
}

TEST(Etcd, AStoreThatCameBackEmptyIsNews) {
  RealStage stage;
  EtcdServer server;
  stage.run([&](Runtime&) -> Task<void> {
    const auto store = co_await open(stage, {.endpoints = {server.endpoint()}});
    GW_REQUIRE(store);
    const auto early = store->watch("/");
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(co_await put(*store, "/a", std::to_string(i)));
    server.kill();
    server.wipe();
    // Made with knowledge of a revision that the new store will not reach for long.
    const auto late = store->watch("/");
    server.start();
    EXPECT_TRUE(co_await late->changed());
    while (co_await read(*store, "/a")) EXPECT_TRUE(co_await early->changed());
    EXPECT_TRUE(co_await put(*store, "/a", "new"));
    EXPECT_TRUE(co_await late->changed());
    co_await store->close();
  });
}

}  // namespace
}  // namespace godwit::coordination
