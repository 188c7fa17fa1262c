// Names that are looked up by a resolver that takes as long as the test says.
#include "coordination/zookeeper/names.h"

#include <condition_variable>
#include <map>
#include <mutex>

#include "coordination/zookeeper/zookeeper_server_testing.h"

namespace godwit::coordination::zookeeper {
namespace {

using runtime::Task;

// A nameserver: knows what it was told, and answers only while it is not held.
class Nameserver {
 public:
  std::string resolve(const std::string& server) {
    std::unique_lock lock(mutex_);
    ++questions_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    ++answers_;
    changed_.notify_all();
    return known_[server];
  }
  void know(const std::string& server, const std::string& addresses) {
    const std::scoped_lock lock(mutex_);
    known_[server] = addresses;
  }
  void hold(bool held) {
    const std::scoped_lock lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void wait_for_answers(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_ >= count; });
  }
  int questions() const {
    const std::scoped_lock lock(mutex_);
    return questions_;
  }
  int answers() const {
    const std::scoped_lock lock(mutex_);
    return answers_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> known_;
  bool held_ = false;
  int questions_ = 0;
  int answers_ = 0;
};

Names::Resolve asking(const std::shared_ptr<Nameserver>& nameserver) {
  return [nameserver](const std::string& server) { return nameserver->resolve(server); };
}

// Waits until the look-up under way is over.
void settle(const Names& names) {
  while (names.looking_up()) std::this_thread::yield();
}

TEST(ZookeeperNames, AddressesAreKnownAtOnceAndNobodyIsAsked) {
  const auto nameserver = std::make_shared<Nameserver>();
  Names names("10.0.0.1:2181,fd00::3:2182", asking(nameserver));
  EXPECT_EQ(names.addresses(), "10.0.0.1:2181,fd00::3:2182");
  names.look_up();
  EXPECT_FALSE(names.looking_up());
  EXPECT_EQ(nameserver->questions(), 0);
}

TEST(ZookeeperNames, ANameThatIsNotFoundAnyMoreKeepsTheAddressThatItHad) {
  const auto nameserver = std::make_shared<Nameserver>();
  nameserver->know("zk1:1", "10.0.0.1:1");
  nameserver->know("zk2:2", "10.0.0.2:2,10.0.0.3:2");
  Names names("zk1:1,zk2:2,zk3:3", asking(nameserver), Duration::zero());
  EXPECT_EQ(names.addresses(), "");
  names.look_up();
  settle(names);
  EXPECT_EQ(names.addresses(), "10.0.0.1:1,10.0.0.2:2,10.0.0.3:2");
  nameserver->know("zk1:1", "");
  nameserver->know("zk2:2", "10.0.0.9:2");
  names.look_up();
  settle(names);
  EXPECT_EQ(names.addresses(), "10.0.0.1:1,10.0.0.9:2");
}

TEST(ZookeeperNames, ALookUpThatHangsHoldsNobodyUpNotEvenTheEnd) {
  const auto nameserver = std::make_shared<Nameserver>();
  nameserver->know("zk1:1", "10.0.0.1:1");
  {
    Names names("zk1:1", asking(nameserver), Duration::zero());
    names.look_up();
    settle(names);
    nameserver->hold(true);
    names.look_up();
    names.look_up();
    EXPECT_TRUE(names.looking_up());
    EXPECT_EQ(names.addresses(), "10.0.0.1:1");
  }
  EXPECT_EQ(nameserver->answers(), 1);
  nameserver->hold(false);
  nameserver->wait_for_answers(2);
  EXPECT_EQ(nameserver->questions(), 2) << "one look-up at a time";
}

TEST(ZookeeperNames, ASessionFindsItsServerAgainWhileTheNameserverIsDead) {
  const auto host = std::make_unique<ZookeeperHost>(std::make_shared<ZookeeperServer>());
  host->run([&](runtime::Runtime& runtime) -> Task<void> {
    const auto nameserver = std::make_shared<Nameserver>();
    nameserver->know("zk:1", host->servers());
    const auto names = std::make_shared<Names>("zk:1", asking(nameserver), Duration::zero());
    const SessionOptions options{.names = names, .timeout = std::chrono::seconds(6)};
    auto& shard = runtime.shard(0);
    Session session(shard, options, nullptr);
    GW_REQUIRE(co_await session.wait_connected(shard.now() + std::chrono::seconds(60)));
    nameserver->hold(true);
    const int answers = nameserver->answers();
    host->kill_server();
    // It notices, and asks where the server is now.
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return !session.connected(); }));
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return nameserver->questions() > answers; }));
    host->start_server();
    EXPECT_TRUE(co_await session.wait_connected(shard.now() + std::chrono::seconds(60)));
    // And a new one begins with what is known.
    Session late(shard, options, nullptr);
    EXPECT_TRUE(co_await late.wait_connected(shard.now() + std::chrono::seconds(60)));
    EXPECT_EQ(nameserver->answers(), answers) << "nothing of this waited for the nameserver";
    for (Session* one : {&session, &late}) {
      one->stop(false);
      EXPECT_TRUE(co_await one->stopped(shard.now() + std::chrono::seconds(60)));
    }
    EXPECT_EQ(nameserver->answers(), answers);
    nameserver->hold(false);
  });
}

TEST(ZookeeperNames, ASessionThatWaitsForItsFirstAddressIsStoppedWithoutIt) {
  const auto nameserver = std::make_shared<Nameserver>();
  nameserver->hold(true);
  RealStage stage;
  stage.run([&](runtime::Runtime& runtime) -> Task<void> {
    auto& shard = runtime.shard(0);
    Session session(
        shard,
        {.names = std::make_shared<Names>("zk:1", asking(nameserver)), .timeout = std::chrono::seconds(4)},
        nullptr);
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return nameserver->questions() == 1; }));
    session.stop(false);
    EXPECT_TRUE(co_await session.stopped(shard.now() + std::chrono::seconds(60)));
    EXPECT_EQ(nameserver->answers(), 0);
  });
  nameserver->hold(false);
}

}  // namespace
}  // namespace godwit::coordination::zookeeper
