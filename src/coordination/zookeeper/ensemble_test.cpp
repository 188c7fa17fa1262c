// Three ZooKeeper servers: what one alone cannot show.
#include <array>

#include "coordination/zookeeper/zookeeper_server_testing.h"

namespace godwit::coordination {
namespace {

using runtime::Task;

class Ensemble final : public RealHost {
 public:
  // `sync_limit`: for how many ticks of 200 ms a server goes on that hears nothing of the others.
  explicit Ensemble(int sync_limit = 20) : first_port_(free_ports(9)) {
    for (size_t i = 0; i < 3; ++i) {
      const std::string directory = directories_[i].path();
      std::ofstream(directory + "/zoo.cfg")
          << "tickTime=200\ninitLimit=50\nsyncLimit=" << sync_limit
          << "\nmaxSessionTimeout=60000\nmaxClientCnxns=0\n"
          << "admin.enableServer=false\ndataDir=" << directory << "/data\nclientPort=" << port(i)
          << "\nclientPortAddress=127.0.0.1\n"
          << server_line(0) << server_line(1) << server_line(2);
      std::filesystem::create_directory(directory + "/data");
      std::ofstream(directory + "/data/myid") << i + 1 << '\n';
      start(i);
    }
  }
  void start(size_t i) { processes_[i] = run_zookeeper(directories_[i].path()); }
  void kill(size_t i) { processes_[i]->kill(); }
  void freeze(size_t i) { processes_[i]->freeze(); }

  // A client of the servers that are named, once it is connected.
  Task<std::unique_ptr<Coordination>> connect_to(std::vector<size_t> servers) {
    ZookeeperOptions options{.servers = {}, .root = "/test"};
    for (const size_t i : servers)
      options.servers += (options.servers.empty() ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(port(i));
    auto store = open_zookeeper(*runtime::Shard::current(), options, diagnostics());
    GW_CHECK(co_await eventually([&]() -> Task<bool> { co_return (co_await store->get("/any")).has_value(); },
                                 std::chrono::minutes(1)),
             "the servers find each other");
    co_return std::move(store);
  }
  Task<std::unique_ptr<Coordination>> connect() override { co_return co_await connect_to({0, 1, 2}); }

  // What befalls single servers is asked for by their number.
  void kill_server() override { kill(0); }
  void start_server() override { start(0); }
  void freeze_server() override { processes_[0]->freeze(); }
  void thaw_server() override { processes_[0]->thaw(); }

 private:
  uint16_t port(size_t i) const { return static_cast<uint16_t>(first_port_ + i); }
  std::string server_line(size_t i) const {
    return "server." + std::to_string(i + 1) + "=127.0.0.1:" + std::to_string(port(3 + i)) + ":" +
           std::to_string(port(6 + i)) + "\n";
  }
  uint16_t first_port_;
  std::array<TemporaryDirectory, 3> directories_;
  std::array<std::unique_ptr<ServerProcess>, 3> processes_;
};

// What `ask` gives once it is an answer: "not in time" says nothing, and three servers that sync one disk take their time.
template <class Ask>
auto answered(Ask ask) -> decltype(ask()) {
  auto outcome = co_await ask();
  for (int again = 0; again < 20 && !outcome && outcome.error().kind == ErrorKind::timed_out; ++again)
    outcome = co_await ask();
  co_return outcome;
}

TEST(ZookeeperEnsemble, WhatWasWrittenThroughOneServerIsReadThroughAnotherAtOnce) {
  Ensemble ensemble;
  ensemble.run([&](runtime::Runtime&) -> Task<void> {
    const auto writer = co_await ensemble.connect_to({0});
    std::vector<std::unique_ptr<Coordination>> readers;
    for (const size_t i : {0, 1, 2}) readers.push_back(co_await ensemble.connect_to({i}));
    for (int i = 0; i < 100; ++i) {
      GW_REQUIRE_OK(co_await answered([&] { return put(*writer, "/g/a", std::to_string(i)); }));
      for (const auto& reader : readers) {
        const auto found = co_await answered([&] { return reader->get("/g/a"); });
        GW_REQUIRE_OK(found);
        GW_REQUIRE(found->has_value());
        EXPECT_EQ(as_text((*found)->value), std::to_string(i));
        const auto listed = co_await answered([&] { return reader->list("/g/"); });
        GW_REQUIRE_OK(listed);
        GW_REQUIRE(listed->size() == 1);
        EXPECT_EQ(as_text(listed->front().value), std::to_string(i));
      }
    }
    co_await writer->close();
    for (const auto& reader : readers) co_await reader->close();
  });
}

TEST(ZookeeperEnsemble, AnyOneServerMayDieAndNothingIsLostNotEvenALease) {
  Ensemble ensemble;
  ensemble.run([&](runtime::Runtime& runtime) -> Task<void> {
    const auto store = co_await ensemble.connect();
    const auto lease = co_await store->grant(std::chrono::seconds(6));
    GW_REQUIRE_OK(lease);
    GW_REQUIRE_OK(co_await (*lease)->commit(Transaction().put_leased("/live/1", value_of("x"))));
    const auto watch = store->watch("/g/");
    for (const size_t i : {0, 1, 2}) {
      const std::string value = std::to_string(i);
      ensemble.kill(i);
      EXPECT_TRUE(co_await eventually(
          [&]() -> Task<bool> { co_return (co_await put(*store, "/g/a", value)).has_value(); }));
      EXPECT_TRUE(co_await watch->changed());
      EXPECT_EQ(co_await read(*store, "/live/1"), "x");
      ensemble.start(i);
      const auto probe = co_await ensemble.connect_to({i});
      EXPECT_EQ(co_await read(*probe, "/g/a"), value);
      co_await probe->close();
    }
    EXPECT_TRUE(co_await eventually(
        [&]() -> Task<bool> { co_return (*lease)->valid_until() > runtime.shard(0).now(); }));
    EXPECT_TRUE(co_await (*lease)->revoke());
    co_await store->close();
  });
}

// It still answers whoever reads, and would for 40 s; meanwhile its leader may have ended the session long ago.
TEST(ZookeeperEnsemble, AServerThatIsCutFromItsLeaderRenewsNoLease) {
  Ensemble ensemble(200);
  ensemble.run([&](runtime::Runtime& runtime) -> Task<void> {
    const auto& shard = runtime.shard(0);
    // Of servers that know as much as one another, one with a higher number leads.
    const auto store = co_await ensemble.connect_to({0});
    const auto lease = co_await store->grant(std::chrono::seconds(2));
    GW_REQUIRE_OK(lease);
    const MonotonicTime granted = (*lease)->valid_until();
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return (*lease)->valid_until() > granted; }));
    ensemble.freeze(1);
    ensemble.freeze(2);
    const MonotonicTime cut = shard.now();
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return (*lease)->valid_until() <= shard.now(); },
                                    std::chrono::seconds(20)));
    EXPECT_LE((*lease)->valid_until(), cut + (*lease)->timeout());
    co_await store->close();
  });
}

}  // namespace
}  // namespace godwit::coordination
