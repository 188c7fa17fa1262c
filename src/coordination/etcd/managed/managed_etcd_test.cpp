// Managed members with real etcd processes on loopback.
#include "coordination/etcd/managed/managed_etcd.h"

#include "coordination/etcd/managed/managed_service_testing.h"
#include "coordination/etcd/managed/managed_testing.h"
#include "coordination/etcd/managed/member_record.h"
#include "coordination/etcd/wire.h"

namespace godwit::coordination {
namespace {

using runtime::Runtime;
using runtime::Task;

// Writes until it succeeds; false when it does not for long.
Task<bool> put_eventually(Coordination& store, std::string key, std::string value) {
  co_return co_await eventually(
      [&]() -> Task<bool> { co_return (co_await put(store, key, value)).has_value(); });
}

// Processes that are not told to end: an etcd that is told so hands its leadership over by itself.
class DeafProcesses final : public runtime::Processes {
 public:
  using Held = Result<std::unique_ptr<runtime::Process>>;
  explicit DeafProcesses(runtime::Processes& real) : real_(real) {}
  Held start(runtime::ProcessOptions options) override { return deafened(real_.start(std::move(options))); }
  Held adopt(const runtime::ProcessIdentity& identity) override { return deafened(real_.adopt(identity)); }
  Held find(const std::vector<std::string>& words) override { return deafened(real_.find(words)); }
  // How often one was told to.
  int told() const { return told_; }

 private:
  class Deaf final : public runtime::Process {
   public:
    Deaf(std::unique_ptr<runtime::Process> real, int& told) : real_(std::move(real)), told_(told) {}
    const runtime::ProcessIdentity& identity() const override { return real_->identity(); }
    bool running() const override { return real_->running(); }
    Task<void> ended() override { return real_->ended(); }
    void terminate() override { ++told_; }
    void kill() override { real_->kill(); }

   private:
    std::unique_ptr<runtime::Process> real_;
    int& told_;
  };
  Held deafened(Held real) {
    if (!real) return real;
    return std::make_unique<Deaf>(std::move(*real), told_);
  }
  runtime::Processes& real_;
  int told_ = 0;
};

TEST(ManagedEtcd, ThreeBrokersFormAClusterOnceAllAreThereAndStopTogether) {
  ManagedScene scene;
  scene.stage().run([&](Runtime& runtime) -> Task<void> {
    const auto one = co_await scene.start(1);
    const auto two = co_await scene.start(2);
    GW_REQUIRE(one && two);
    EXPECT_TRUE(co_await eventually(
        [&]() -> Task<bool> { co_return scene.stage().diagnostics().contains("etcd.waits"); }));
    EXPECT_EQ(one->process().number, 0) << "two of three never form";
    const auto three = co_await scene.start(3);
    GW_REQUIRE(three);
    EXPECT_TRUE(co_await all_answer({one.get(), two.get(), three.get()}))
        << scene.told() << scene.output_of(1);
    const auto store = co_await scene.connect(*two);
    EXPECT_TRUE(co_await put_eventually(*store, "/a", "1"));
    co_await store->close();
    EXPECT_EQ(scene.leftovers().count(), 3u);
    std::vector<Task<void>> stops;
    for (const auto* managed : {&one, &two, &three}) stops.push_back((*managed)->stop());
    co_await runtime::when_all(std::move(stops));
    EXPECT_EQ(scene.leftovers().count(), 0u);
  });
}

TEST(ManagedEtcd, AMemberOutlivesItsBrokerAndTheNextStartAdoptsIt) {
  ManagedScene scene(1);
  scene.stage().run([&](Runtime&) -> Task<void> {
    runtime::ProcessIdentity process;
    {
      const auto first = co_await scene.start(1);
      GW_REQUIRE(first);
      EXPECT_TRUE(co_await all_answer({first.get()})) << scene.told() << scene.output_of(1);
      const auto store = co_await scene.connect(*first);
      EXPECT_TRUE(co_await put_eventually(*store, "/a", "1"));
      co_await store->close();
      process = first->process();
      co_await first->leave();
    }
    const auto second = co_await scene.start(1);
    GW_REQUIRE(second);
    EXPECT_TRUE(co_await all_answer({second.get()})) << scene.told();
    EXPECT_EQ(second->process(), process);
    EXPECT_TRUE(scene.stage().diagnostics().contains("etcd.adopted"));
    const auto store = co_await scene.connect(*second);
    EXPECT_EQ(co_await read(*store, "/a"), "1");
    co_await store->close();
    co_await second->stop();
    EXPECT_EQ(scene.leftovers().count(), 0u) << "an adopted member is stopped like another";
    // And a stopped one is started again on its data.
    const auto third = co_await scene.start(1);
    EXPECT_TRUE(co_await all_answer({third.get()}));
    EXPECT_NE(third->process(), process);
    const auto again = co_await scene.connect(*third);
    EXPECT_EQ(co_await read(*again, "/a"), "1");
    co_await again->close();
    co_await third->stop();
  });
}

TEST(ManagedEtcd, KillingTheBrokerDoesNotTakeTheMemberWithIt) {
  ManagedScene scene(1);
  const auto broker = ManagedBrokers::run(scene.address(), scene.folder());
  scene.stage().run([&](Runtime& runtime) -> Task<void> {
    auto store = co_await EtcdCoordination::open(
        runtime, {.endpoints = {scene.address().members[0].clients}, .prefix = "/godwit/test"},
        scene.stage().diagnostics());
    GW_REQUIRE_OK(store);
    EXPECT_TRUE(co_await put_eventually(**store, "/a", "1")) << broker->output();
    auto lease = co_await (*store)->grant(std::chrono::seconds(2));
    GW_REQUIRE_OK(lease);
    auto before = scene.processes().find({"--data-dir", scene.folder_of(1) + "/data"});
    GW_REQUIRE_OK(before);
    broker->kill();
    EXPECT_TRUE((*before)->running());
    const auto managed = co_await scene.start(1);
    GW_REQUIRE(managed);
    EXPECT_TRUE(co_await all_answer({managed.get()})) << scene.told();
    EXPECT_EQ(managed->process(), (*before)->identity());
    EXPECT_EQ(co_await read(**store, "/a"), "1");
    EXPECT_TRUE(co_await (*lease)->revoke()) << "the lease lived through it";
    co_await (*store)->close();
    co_await managed->stop();
    EXPECT_FALSE((*before)->running());
    EXPECT_EQ(scene.leftovers().count(), 0u);
  });
}

TEST(ManagedEtcd, AProcessThatTheRecordMissedIsFoundAndOneWithoutItsDataIsEnded) {
  ManagedScene scene(1);
  scene.stage().run([&](Runtime& runtime) -> Task<void> {
    runtime::ProcessIdentity process;
    {
      const auto first = co_await scene.start(1);
      EXPECT_TRUE(co_await all_answer({first.get()}));
      process = first->process();
      co_await first->leave();
    }
    {
      etcd::MemberRecord record(runtime.files(), scene.folder_of(1));
      EXPECT_TRUE(co_await record.load());
      EXPECT_EQ(record.value.identity(), process);
      EXPECT_TRUE(record.value.ran && record.value.member != 0 && record.value.cluster != 0);
      record.value.set_identity({});
      EXPECT_TRUE(co_await record.save());
      const auto second = co_await scene.start(1);
      EXPECT_TRUE(co_await all_answer({second.get()}));
      EXPECT_EQ(second->process(), process);
      co_await second->leave();
    }
    // The disk is lost while the process runs on with files that have no names any more.
    std::filesystem::remove_all(scene.folder_of(1));
    const auto third = co_await scene.start(1);
    EXPECT_TRUE(co_await all_answer({third.get()})) << scene.told();
    EXPECT_TRUE(scene.stage().diagnostics().contains("etcd.orphan_ended"));
    EXPECT_NE(third->process(), process);
    co_await third->stop();
    EXPECT_EQ(scene.leftovers().count(), 0u);
  });
}

TEST(ManagedEtcd, WithTlsMembersAndClientsShowCertificates) {
  ManagedScene scene;
  const std::string pem = scene.folder() + "/cert.pem";
  const std::string key = scene.folder() + "/cert.key";
  ServerProcess openssl({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
                         "/CN=godwit", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", pem},
                        scene.folder() + "/openssl");
  ASSERT_EQ(openssl.wait(), 0) << openssl.output();
  scene.settings = {.authority_file = pem, .certificate_file = pem, .key_file = key};
  scene.stage().run([&](Runtime& runtime) -> Task<void> {
    const auto one = co_await scene.start(1);
    const auto two = co_await scene.start(2);
    const auto three = co_await scene.start(3);
    GW_REQUIRE(one && two && three);
    EXPECT_TRUE(co_await all_answer({one.get(), two.get(), three.get()}))
        << scene.told() << scene.output_of(1);
    const auto store = co_await scene.connect(*one);
    EXPECT_TRUE(co_await put_eventually(*store, "/a", "1"));
    const auto plain = co_await EtcdCoordination::open(
        runtime, {.endpoints = {scene.address().members[0].clients}}, scene.stage().diagnostics());
    GW_EXPECT_ERROR(co_await (*plain)->get("/a"), ErrorKind::unavailable);
    co_await (*plain)->close();
    co_await store->close();
    std::vector<Task<void>> stops;
    for (const auto* managed : {&one, &two, &three}) stops.push_back((*managed)->stop());
    co_await runtime::when_all(std::move(stops));
    EXPECT_EQ(scene.leftovers().count(), 0u);
  });
}

TEST(ManagedEtcd, AMemberThatDiesIsStartedAgain) {
  ManagedScene scene(1);
  scene.stage().run([&](Runtime&) -> Task<void> {
    const auto managed = co_await scene.start(1);
    GW_REQUIRE(managed);
    EXPECT_TRUE(co_await all_answer({managed.get()}));
    const auto before = managed->process();
    auto process = scene.processes().adopt(before);
    GW_REQUIRE_OK(process);
    (*process)->kill();
    EXPECT_TRUE(co_await eventually(
        [&]() -> Task<bool> { co_return managed->answers() && managed->process() != before; }));
    EXPECT_TRUE(scene.stage().diagnostics().contains("etcd.ended"));
    co_await managed->stop();
  });
}

TEST(ManagedEtcd, AMemberIsReplacedByOneAtAnotherAddress) {
  ManagedScene scene;
  scene.stage().run([&](Runtime&) -> Task<void> {
    auto one = co_await scene.start(1);
    auto two = co_await scene.start(2);
    auto three = co_await scene.start(3);
    GW_REQUIRE(one && two && three);
    EXPECT_TRUE(co_await all_answer({one.get(), two.get(), three.get()})) << scene.told();
    const auto store = co_await scene.connect(*one);
    EXPECT_TRUE(co_await put_eventually(*store, "/a", "before"));
    co_await three->stop();
    three.reset();
    std::filesystem::remove_all(scene.folder_of(3));
    scene.moves(3);
    three = co_await scene.start(3);
    GW_REQUIRE(three);
    EXPECT_TRUE(co_await all_answer({three.get()})) << scene.told() << scene.output_of(3);
    EXPECT_TRUE(scene.stage().diagnostics().contains("etcd.replaced"));
    // The others are told of the new list when they start again.
    co_await two->stop();
    two.reset();
    two = co_await scene.start(2);
    GW_REQUIRE(two);
    EXPECT_TRUE(co_await all_answer({one.get(), two.get(), three.get()})) << scene.told();
    EXPECT_TRUE(co_await put_eventually(*store, "/a", "after"));
    co_await store->close();
    for (const auto* managed : {&one, &two, &three}) co_await (*managed)->stop();
  });
}

// Otherwise a disk that fails for a moment would cost the member.
TEST(ManagedEtcd, AMemberWhoseDataCannotBeLookedAtIsNotTakenForLost) {
  ManagedScene scene(1);
  scene.stage().run([&](Runtime&) -> Task<void> {
    const auto managed = co_await scene.start(1);
    GW_REQUIRE(managed);
    EXPECT_TRUE(co_await all_answer({managed.get()}));
    auto process = scene.processes().adopt(managed->process());
    GW_REQUIRE_OK(process);
    const std::filesystem::path data = scene.folder_of(1) + "/data";
    const std::filesystem::path away = scene.folder_of(1) + "/away";
    std::filesystem::rename(data, away);
    std::filesystem::create_directory_symlink(data, data);  // to itself: neither there nor not
    (*process)->kill();
    EXPECT_TRUE(co_await eventually(
        [&]() -> Task<bool> { co_return scene.stage().diagnostics().contains("etcd.data_not_readable"); }));
    EXPECT_FALSE(managed->answers());
    std::filesystem::remove(data);
    std::filesystem::rename(away, data);
    EXPECT_TRUE(co_await all_answer({managed.get()})) << scene.told();
    EXPECT_FALSE(scene.stage().diagnostics().contains("etcd.member_lost"));
    co_await managed->stop();
  });
}

TEST(ManagedEtcd, AMemberThatLostItsDiskIsReplacedUnderAnotherId) {
  ManagedScene scene;
  scene.stage().run([&](Runtime& runtime) -> Task<void> {
    const auto one = co_await scene.start(1);
    const auto two = co_await scene.start(2);
    auto three = co_await scene.start(3);
    GW_REQUIRE(one && two && three);
    EXPECT_TRUE(co_await all_answer({one.get(), two.get(), three.get()})) << scene.told();
    const auto store = co_await scene.connect(*one);
    EXPECT_TRUE(co_await put_eventually(*store, "/a", "before"));
    const auto ids = [&](std::vector<uint64_t>& into) -> Task<void> {
      etcd::Wire wire(runtime.shard(0), {.endpoints = {scene.address().members[0].clients}});
      const auto members = co_await wire.members(0);
      EXPECT_TRUE(members);
      if (!members) co_return;
      for (const auto& member : *members) into.push_back(member.id);
    };
    std::vector<uint64_t> before;
    co_await ids(before);
    co_await three->stop();
    three.reset();
    std::filesystem::remove_all(scene.folder_of(3));
    three = co_await scene.start(3);
    GW_REQUIRE(three);
    EXPECT_TRUE(co_await all_answer({three.get()})) << scene.told() << scene.output_of(3);
    EXPECT_TRUE(scene.stage().diagnostics().contains("etcd.replaced"));
    std::vector<uint64_t> after;
    co_await ids(after);
    EXPECT_EQ(after.size(), 3u);
    int kept = 0;
    for (const uint64_t id : after) kept += std::ranges::find(before, id) != before.end() ? 1 : 0;
    EXPECT_EQ(kept, 2);
    // The new member counts: with it and one other there is a majority.
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> {
      const auto alone = co_await EtcdCoordination::open(
          runtime, {.endpoints = {scene.address().members[2].clients}, .prefix = "/godwit/test"},
          scene.stage().diagnostics());
      const auto found = co_await (*alone)->get("/a");
      co_await (*alone)->close();
      co_return found&&* found&& as_text((**found).value) == "before";
    }));
    co_await two->stop();
    EXPECT_TRUE(co_await put_eventually(*store, "/a", "after"));
    co_await store->close();
    co_await one->stop();
    co_await three->stop();
  });
}

TEST(ManagedEtcd, AllRestartOnWhatTheirDisksHold) {
  ManagedScene scene;
  scene.stage().run([&](Runtime&) -> Task<void> {
    for (int round = 0; round < 2; ++round) {
      const auto one = co_await scene.start(1);
      const auto two = co_await scene.start(2);
      const auto three = co_await scene.start(3);
      GW_REQUIRE(one && two && three);
      EXPECT_TRUE(co_await all_answer({one.get(), two.get(), three.get()})) << scene.told();
      const auto store = co_await scene.connect(*three);
      if (round == 0) {
        EXPECT_TRUE(co_await put_eventually(*store, "/a", "kept"));
      } else {
        EXPECT_EQ(co_await read(*store, "/a"), "kept");
      }
      co_await store->close();
      std::vector<Task<void>> stops;
      for (const auto* managed : {&one, &two, &three}) stops.push_back((*managed)->stop());
      co_await runtime::when_all(std::move(stops));
    }
    EXPECT_EQ(scene.leftovers().count(), 0u);
  });
}

// Far more than a start takes until its process runs: a turn is microseconds, its work on files milliseconds.
constexpr int kTurnsMax = 1 << 22;

// Turns the loop so often, so that a start gets so far.
Task<void> turn(int times) {
  for (int i = 0; i < times; ++i) co_await runtime::sleep_for(std::chrono::milliseconds(0));
}

TEST(ManagedEtcd, AStopAtAnyMomentOfAStartLeavesNothing) {
  ManagedScene scene(1);
  scene.stage().run([&](Runtime&) -> Task<void> {
    // Longer each time, until there was a process to end.
    bool started = false;
    for (int turns = 0; !started && turns < kTurnsMax; turns += 1 + turns / 4) {
      const auto managed = co_await scene.start(1);
      GW_REQUIRE(managed);
      co_await turn(turns);
      started = managed->process().number != 0;
      co_await managed->stop();
      EXPECT_EQ(scene.leftovers().count(), 0u) << "after " << turns << " turns";
    }
    EXPECT_TRUE(started) << "all stops came before there was a process" << scene.told();
    // And as soon as there is a process, which has not said anything yet.
    const auto managed = co_await scene.start(1);
    GW_REQUIRE(managed);
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return managed->process().number != 0; }));
    co_await managed->stop();
    EXPECT_EQ(scene.leftovers().count(), 0u);
    // Nothing of that keeps the next start from working.
    const auto last = co_await scene.start(1);
    EXPECT_TRUE(co_await all_answer({last.get()})) << scene.told() << scene.output_of(1);
    co_await last->stop();
  });
}

TEST(ManagedEtcd, AStopEndsTheMemberOfAnEarlierProcessAsSoonAsThereIsOne) {
  ManagedScene scene(1);
  scene.stage().run([&](Runtime&) -> Task<void> {
    for (const int turns : {0, 1, 2, 5}) {
      const auto first = co_await scene.start(1);
      EXPECT_TRUE(co_await all_answer({first.get()})) << scene.told();
      co_await first->leave();
      const auto second = co_await scene.start(1);
      co_await turn(turns);
      co_await second->stop();
      EXPECT_EQ(scene.leftovers().count(), 0u) << "after " << turns << " turns";
    }
  });
}

TEST(ManagedEtcd, AMemberThatAnEarlierProcessLeftIsFoundAndEndedWithoutAStart) {
  ManagedScene scene(2);
  scene.stage().run([&](Runtime&) -> Task<void> {
    EXPECT_EQ(find_member(scene.processes(), scene.folder_of(1)), nullptr) << "none was ever started";
    const auto one = co_await scene.start(1);
    const auto two = co_await scene.start(2);
    EXPECT_TRUE(co_await all_answer({one.get(), two.get()})) << scene.told();
    const auto process = one->process();
    co_await one->leave();
    const auto left = find_member(scene.processes(), scene.folder_of(1));
    GW_REQUIRE(left != nullptr);
    EXPECT_EQ(left->identity(), process);
    co_await end_member(*left);
    EXPECT_FALSE(left->running());
    EXPECT_EQ(find_member(scene.processes(), scene.folder_of(1)), nullptr);
    EXPECT_EQ(scene.leftovers().count(), 1u) << "that of the other broker runs on";
    co_await two->stop();
  });
}

TEST(ManagedEtcd, AStopLeavesTheLeadershipOfAMemberThatIsNotOursWhereItIs) {
  ManagedScene scene;
  scene.stage().run([&](Runtime& runtime) -> Task<void> {
    const auto one = co_await scene.start(1);
    const auto two = co_await scene.start(2);
    const auto three = co_await scene.start(3);
    EXPECT_TRUE(co_await all_answer({one.get(), two.get(), three.get()})) << scene.told();
    co_await one->leave();
    etcd::MemberRecord record(runtime.files(), scene.folder_of(1));
    EXPECT_TRUE(co_await record.load());
    const auto first = static_cast<uint64_t>(record.value.member);
    etcd::WireOptions everybody;
    for (const auto& member : scene.address().members) everybody.endpoints.push_back(member.clients);
    etcd::Wire wire(runtime.shard(0), everybody);
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> {
      for (size_t i = 0; i < 3; ++i) (void)co_await wire.move_leader(i, first);
      const auto status = co_await wire.status(0);
      co_return status.has_value() && status->leader == first;
    }));
    // The process is found by its folder, and what answers is another member than the record knows.
    record.value.member ^= 1;
    EXPECT_TRUE(co_await record.save());
    DeafProcesses processes(scene.processes());
    const auto again =
        co_await ManagedEtcd::start(runtime, processes, scene.options_of(1), scene.stage().diagnostics());
    GW_REQUIRE_OK(again);
    EXPECT_TRUE(co_await eventually(
        [&]() -> Task<bool> { co_return scene.stage().diagnostics().contains("etcd.not_ours"); }));
    const auto look = [&]() -> Task<void> {
      EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return processes.told() > 0; }));
      const auto status = co_await wire.status(1);
      GW_REQUIRE(status.has_value());
      EXPECT_EQ(status->leader, first);
    };
    std::vector<Task<void>> both;
    both.push_back((*again)->stop());
    both.push_back(look());
    co_await runtime::when_all(std::move(both));
    co_await two->stop();
    co_await three->stop();
  });
}

TEST(ManagedEtcd, StopsAtTheSameTimeAllWaitForTheEndAndAKillEndsItAtOnce) {
  ManagedScene scene(1);
  scene.stage().run([&](Runtime&) -> Task<void> {
    const auto first = co_await scene.start(1);
    EXPECT_TRUE(co_await all_answer({first.get()})) << scene.told();
    const auto stop = [&](const ManagedEtcd*) -> Task<void> {
      co_await first->stop();
      EXPECT_EQ(scene.leftovers().count(), 0u);
    };
    std::vector<Task<void>> stops;
    stops.reserve(3);
    for (int i = 0; i < 3; ++i) stops.push_back(stop(first.get()));
    co_await runtime::when_all(std::move(stops));
    co_await first->stop();
    const auto second = co_await scene.start(1);
    EXPECT_TRUE(co_await all_answer({second.get()})) << scene.told();
    second->kill();
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return scene.leftovers().count() == 0; }));
    co_await second->stop();
    EXPECT_FALSE(scene.stage().diagnostics().contains("etcd.ended")) << "it is not started again";
  });
}

TEST(ManagedEtcd, WhatIsWrongIsSaidAtOnce) {
  ManagedScene scene;
  scene.stage().run([&](Runtime& runtime) -> Task<void> {
    auto& sink = scene.stage().diagnostics();
    auto stranger = scene.options_of(1);
    stranger.broker = BrokerId(9);
    GW_EXPECT_ERROR(co_await ManagedEtcd::start(runtime, scene.processes(), stranger, sink),
                    ErrorKind::invalid);
    auto relative = scene.options_of(1);
    relative.folder = "etcd";
    GW_EXPECT_ERROR(co_await ManagedEtcd::start(runtime, scene.processes(), relative, sink),
                    ErrorKind::invalid);
    std::filesystem::create_directories(scene.folder_of(1) + "/data/member");
    GW_EXPECT_ERROR(co_await ManagedEtcd::start(runtime, scene.processes(), scene.options_of(1), sink),
                    ErrorKind::corrupt);
    // Others of another list: said, and nothing is formed.
    auto other = scene.options_of(2);
    other.cluster = "another";
    const auto two = co_await ManagedEtcd::start(runtime, scene.processes(), other, sink);
    const auto three = co_await scene.start(3);
    GW_REQUIRE(two && three);
    EXPECT_TRUE(co_await eventually([&]() -> Task<bool> { co_return sink.contains("etcd.stuck"); }));
    EXPECT_EQ((*two)->process().number + three->process().number, 0);
    co_await (*two)->stop();
    co_await three->stop();
  });
}

TEST(ManagedEtcd, WithoutTheProgramItSaysWhichPackageHasIt) {
  ManagedScene scene(1);
  scene.stage().run([&](Runtime& runtime) -> Task<void> {
    auto options = scene.options_of(1);
    options.settings.program = "godwit-no-such-etcd";
    const auto managed =
        co_await ManagedEtcd::start(runtime, scene.processes(), options, scene.stage().diagnostics());
    GW_REQUIRE_OK(managed);
    EXPECT_TRUE(co_await eventually(
        [&]() -> Task<bool> { co_return scene.stage().diagnostics().contains("etcd.not_started"); }));
    co_await (*managed)->stop();
  });
}

}  // namespace
}  // namespace godwit::coordination
