#include "cluster/registration.h"

#include <gtest/gtest.h>

#include "coordination/memory/memory_client.h"
#include "coordination/memory/memory_coordination.h"
#include "runtime/sim/node.h"
#include "runtime/sim/world.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;
using coordination::Coordination;
using coordination::Lease;
using coordination::Transaction;
using runtime::Task;

// Leases that end without a word: who commits with one is the first to hear of it.
class SilentStore final : public Coordination {
 public:
  explicit SilentStore(Coordination& inner) : inner_(inner) {}
  Task<Result<std::optional<coordination::KeyValue>>> get(std::string key) override {
    co_return co_await inner_.get(std::move(key));
  }
  Task<Result<std::vector<coordination::KeyValue>>> list(std::string prefix) override {
    co_return co_await inner_.list(std::move(prefix));
  }
  Task<Result<void>> commit(Transaction transaction) override {
    co_return co_await inner_.commit(std::move(transaction));
  }
  Task<Result<std::unique_ptr<Lease>>> grant(Duration timeout) override {
    auto granted = co_await inner_.grant(timeout);
    if (!granted) co_return fail(granted.error());
    co_return std::make_unique<SilentLease>(*this, ++grants, std::move(*granted));
  }
  std::unique_ptr<coordination::Watch> watch(std::string prefix) override {
    return inner_.watch(std::move(prefix));
  }
  Task<void> close() override { co_await inner_.close(); }

  int grants = 0;
  int ended = 0;  // so many of the first

 private:
  class SilentLease final : public Lease {
   public:
    SilentLease(const SilentStore& store, int number, std::unique_ptr<Lease> inner)
        : store_(store), number_(number), inner_(std::move(inner)) {}
    Duration timeout() const override { return inner_->timeout(); }
    MonotonicTime valid_until() const override { return inner_->valid_until(); }
    void keep_alive_while(std::function<bool()> healthy) override {
      inner_->keep_alive_while(std::move(healthy));
    }
    Task<Result<void>> commit(Transaction transaction) override {
      if (number_ <= store_.ended) co_return fail(ErrorKind::not_found, "the lease has ended");
      co_return co_await inner_->commit(std::move(transaction));
    }
    Task<Result<void>> lost() override { co_return co_await inner_->lost(); }
    Task<Result<void>> revoke() override { co_return co_await inner_->revoke(); }

   private:
    const SilentStore& store_;
    int number_;
    std::unique_ptr<Lease> inner_;
  };
  Coordination& inner_;
};

// Who was away for so long that its lease ended hears first what became of what it led (rule 14).
TEST(Registration, ALeaseThatIsFoundEndedByACommitIsFollowedByOneThatCountsASecondLater) {
  runtime::sim::World world(5);
  runtime::sim::Node& node = world.add_node("a");
  RecordingSink sink;
  coordination::MemoryCoordination memory;
  SilentStore store(memory);
  ASSERT_TRUE(node.run([&](runtime::Runtime& runtime) -> Task<void> {
    MetadataOptions options;
    options.self.id = BrokerId(1);
    options.self.listeners["PLAINTEXT"] = {"a", 9092};
    Bell bell;
    const Roster roster(store, bell, sink, options.session_timeout);
    Registration registration(options, store, runtime, bell, roster, sink);
    EXPECT_TRUE(co_await registration.begin());
    EXPECT_TRUE(registration.holds()) << "at a start nothing was led";
    const uint64_t before = registration.incarnation();
    runtime::Gate gate;
    gate.spawn(runtime.shard(0), registration.run());
    store.ended = store.grants;
    registration.renew(before);
    co_await runtime::sleep_for(300ms);
    EXPECT_GT(registration.incarnation(), before);
    EXPECT_TRUE(registration.registered());
    EXPECT_EQ(store.grants, 2);
    EXPECT_TRUE(registration.holds_now());
    EXPECT_FALSE(registration.holds());
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE(registration.holds());
    bell.close();
    co_await gate.close();
    co_await registration.end();
  }));
}

// What a broker's process holds on a simulated node, and goes with it.
struct Process {
  std::unique_ptr<Coordination> store;
  Bell bell;
  std::optional<Roster> roster;
  std::optional<Registration> registration;
};

// Registers broker 1 from this data directory, asking for sessions of 3 s.
Task<Result<void>> begin(runtime::sim::Node& node, coordination::MemoryServer& server, uint8_t storage,
                         DiagnosticSink& sink) {
  Process& process = node.make<Process>();
  MetadataOptions options;
  options.self.id = BrokerId(1);
  options.self.listeners["PLAINTEXT"] = {node.name(), 9092};
  options.storage_id.bytes[0] = std::byte(storage);
  options.session_timeout = 3s;
  process.store = coordination::connect(server, node, {.node = node.name()});
  process.roster.emplace(*process.store, process.bell, sink, options.session_timeout);
  process.registration.emplace(options, *process.store, node, process.bell, *process.roster, sink);
  co_return co_await process.registration->begin();
}

// Rule 19: the timeout that was negotiated is promised, and one line says that it is longer than the operator wished.
TEST(Registration, AStoreThatGrantsOnlyLongerSessionsIsNamedAndItsSessionsCount) {
  struct Case {
    Duration least;  // that the store grants
    Duration granted;
    size_t warnings;
  };
  for (const Case& one : {Case{2s, 3s, 0}, Case{3s, 3s, 0}, Case{3001ms, 3001ms, 1}, Case{8s, 8s, 1}}) {
    SCOPED_TRACE(one.least / 1ms);
    runtime::sim::World world(6);
    coordination::MemoryServer server(world.add_node("store"), {.lease_timeout_min = one.least});
    runtime::sim::Node& node = world.add_node("a");
    RecordingSink sink;
    ASSERT_TRUE(node.run(
        [&](runtime::Runtime&) -> Task<void> { EXPECT_TRUE(co_await begin(node, server, 1, sink)); }));
    const auto key = keys::broker(BrokerId(1));
    ASSERT_TRUE(server.keys().get(key));
    std::vector<Diagnostic> told;
    for (const Diagnostic& event : sink.events)
      if (event.name == "coordination.session_timeout") told.push_back(event);
    ASSERT_EQ(told.size(), one.warnings);
    if (!told.empty()) {
      EXPECT_EQ(told[0].severity, Severity::warning);
      const std::vector<std::pair<std::string, std::string>> fields = {
          {"asked_ms", "3000"}, {"granted_ms", std::to_string(one.granted / 1ms)}};
      EXPECT_EQ(told[0].fields, fields);
    }
    // Kept alive meanwhile; from its end on others take it for alive just as long.
    world.run_for(20s);
    ASSERT_TRUE(server.keys().get(key));
    node.crash(runtime::sim::CrashKind::kill);
    const MonotonicTime died = world.now();
    ASSERT_TRUE(world.run_until([&] { return !server.keys().get(key); }, 1min));
    EXPECT_LE(world.now() - died, one.granted + 100ms);
    EXPECT_GE(world.now() - died, one.granted * 2 / 3 - 100ms) << "a third passes between two keep-alives";
  }
}

// Rule 2: another data directory under this id waits for the old one's session, which is as long as the store grants it.
TEST(Registration, AnotherDataDirectoryWaitsForAsLongAsTheStoresSessionsLast) {
  runtime::sim::World world(7);
  coordination::MemoryServer server(world.add_node("store"), {.lease_timeout_min = 8s});
  runtime::sim::Node& old = world.add_node("old");
  runtime::sim::Node& other = world.add_node("new");
  RecordingSink sink;
  ASSERT_TRUE(
      old.run([&](runtime::Runtime&) -> Task<void> { EXPECT_TRUE(co_await begin(old, server, 1, sink)); }));
  old.crash(runtime::sim::CrashKind::power_cut);
  const MonotonicTime died = world.now();
  ASSERT_TRUE(other.run([&](runtime::Runtime&) -> Task<void> {
    const auto begun = co_await begin(other, server, 2, sink);
    EXPECT_TRUE(begun) << begun.error().describe();
  }));
  EXPECT_GT(world.now() - died, 7s);
  EXPECT_LT(world.now() - died, 9s);
  EXPECT_TRUE(sink.contains("broker.id_in_use"));
}

}  // namespace
}  // namespace godwit::cluster
