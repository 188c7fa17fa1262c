// Remainders that are carried forward in the journal (rule 9), beside what changes the log meanwhile.
#include <gmock/gmock.h>

#include "runtime/sync.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::OpKind;
using runtime::sim::World;
using testing::ElementsAre;
using testing::IsEmpty;

struct OneNode {
  World world{3};
  Node& node{world.add_node("a")};
  // Tasks that nobody waits for, until the process ends.
  void start(Task<void> task) {
    auto gate = std::make_shared<runtime::Gate>();
    node.keep(gate);
    (void)gate->spawn(*runtime::Shard::current(), std::move(task));
  }
};

template <class T>
Task<void> expect_well(Task<T> task, bool* done) {
  EXPECT_TRUE((co_await std::move(task)).has_value());
  *done = true;
}

Task<void> ignored(Task<Result<void>> task) {
  (void)co_await std::move(task);
}

Task<Served<void>> configure(Log& log) {
  LogConfig config = log.config();
  config.retention_ms = 77'000;
  log.set_config(config);
  co_return {};
}

// A record that changes the structure waits for its round when the remainder is carried, with data before it. The
// remainder must not say that replay has come as far as that record.
TEST(StoreCarry, BeforeAWaitingChangeOfStructureTakesNothingFromIt) {
  enum class Change { epoch, roll, start, config };
  for (const Change change : {Change::epoch, Change::roll, Change::start, Change::config}) {
    for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
      SCOPED_TRACE(static_cast<int>(change));
      OneNode at;
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        Log& log = **co_await open->store->create(partition(0), {});
        EXPECT_EQ(co_await publish(log, {"old"}), ErrorCode::none);
        log.set_high_watermark(Offset(1));
        at.node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
        EXPECT_TRUE((co_await append_texts(log, {"under way"})).has_value());
        co_await runtime::sleep_for(1ms);
        EXPECT_TRUE((co_await append_texts(log, {"waiting"})).has_value());
        bool changed = false;
        at.start(expect_well(change == Change::epoch   ? log.begin_epoch(LeaderEpoch(1))
                             : change == Change::roll  ? log.roll()
                             : change == Change::start ? log.delete_before(Offset(1))
                                                       : configure(log),
                             &changed));
        co_await runtime::sleep_for(1ms);
        at.start(ignored(open->store->checkpoint()));
        co_await runtime::sleep_for(1ms);
        at.node.disk().release();
        at.node.disk().stall({.path = "checkpoint."});
        co_await runtime::sleep_for(5s);
        EXPECT_TRUE(changed);
        EXPECT_EQ(log.synced_end(), Offset(3));
      });
      at.node.crash(kind);
      at.node.disk().release();
      at.node.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        Log& log = *open->store->find(partition(0));
        EXPECT_THAT(co_await open->store->damages(), IsEmpty());
        const Offset start(change == Change::start ? 1 : 0);
        EXPECT_EQ(log.start(), start);
        EXPECT_EQ(log.stats().segments, change == Change::roll ? 2u : 1u);
        if (change == Change::epoch) EXPECT_EQ(log.epochs().latest(), LeaderEpoch(1));
        if (change == Change::config) EXPECT_EQ(log.config().retention_ms, 77'000);
        const auto texts = co_await read_texts(log, Offset(1));
        EXPECT_THAT(texts, ElementsAre("1=under way", "2=waiting"));
        EXPECT_EQ(co_await publish(log, {"more"}, LeaderEpoch(1)), ErrorCode::none);
      });
    }
  }
}

// The carried remainder reaches behind the cut: it waits in the journal's queue, or its round is being written.
TEST(StoreCarry, ATruncationWaitsForARemainderThatIsOnItsWay) {
  for (const bool under_way : {false, true}) {
    OneNode at;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = **co_await open->store->create(partition(0), {});
      Log& other = **co_await open->store->create(partition(1), {});
      for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(co_await publish(log, {std::to_string(i) + std::string(600, '.')}), ErrorCode::none);
      }
      at.node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
      // The round that hangs is the other log's, or the remainder's own.
      if (!under_way) EXPECT_TRUE((co_await append_texts(other, {"other"})).has_value());
      co_await runtime::sleep_for(1ms);
      at.start(ignored(open->store->checkpoint()));
      co_await runtime::sleep_for(1ms);
      bool cut = false;
      at.start(expect_well(log.truncate(Offset(1)), &cut));
      co_await runtime::sleep_for(1s);
      EXPECT_FALSE(cut);
      at.node.disk().release();
      co_await runtime::sleep_for(5s);
      EXPECT_TRUE(cut);
      EXPECT_EQ(co_await publish(log, {"new"}), ErrorCode::none);
      EXPECT_THAT(co_await read_texts(log, Offset(0)), ElementsAre("0=0" + std::string(600, '.'), "1=new"));
    });
    at.node.crash(CrashKind::kill);
    at.node.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = *open->store->find(partition(0));
      EXPECT_THAT(co_await open->store->damages(), IsEmpty());
      EXPECT_THAT(co_await read_texts(log, Offset(0)), ElementsAre("0=0" + std::string(600, '.'), "1=new"));
    });
  }
}

// Deletion of records takes no turn.
TEST(StoreCarry, ATruncationLooksAgainWhenItsFileIsDeletedMeanwhile) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    LogConfig config;
    config.segment_bytes = 8000;
    Log& log = **co_await open->store->create(partition(0), config);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(co_await publish(log, {std::string(2500, 'x')}), ErrorCode::none);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  at.node.crash(CrashKind::kill);
  at.node.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log& log = *open->store->find(partition(0));
    log.set_high_watermark(Offset(9));
    at.node.disk().stall({.kinds = {OpKind::read}, .path = "topics/"});
    ErrorCode answer = ErrorCode::none;
    at.start([](Log& l, ErrorCode& code) -> Task<void> {
      const auto cut = co_await l.truncate(Offset(2));
      code = cut ? ErrorCode::none : cut.error().code;
    }(log, answer));
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE((co_await log.delete_before(Offset(5))).has_value());
    at.node.disk().release();
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(answer, ErrorCode::offset_out_of_range);
    EXPECT_EQ(log.start(), Offset(5));
    EXPECT_EQ(log.end(), Offset(9));
    EXPECT_TRUE((co_await log.truncate(Offset(7))).has_value());
    EXPECT_EQ((co_await read_texts(log, Offset(5))).size(), 2u);
  });
}

// Neither deletion of records nor a restart of the log waits for a remainder that is on its way.
TEST(StoreCarry, ARemainderWhoseFileIsGoneIsNotTakenAgainWhenItsRoundWasRefused) {
  for (const bool restarted : {false, true}) {
    OneNode at;
    const Offset start(restarted ? 7 : 1);
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = **co_await open->store->create(partition(0), {});
      // The journal has made its files.
      co_await runtime::sleep_for(3s);
      EXPECT_EQ(co_await publish(log, {"old"}), ErrorCode::none);
      log.set_high_watermark(Offset(1));
      at.node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
      at.start(ignored(open->store->checkpoint()));
      co_await runtime::sleep_for(1ms);
      bool rolled = restarted;
      bool changed = false;
      if (!restarted) at.start(expect_well(log.roll(), &rolled));
      co_await runtime::sleep_for(1ms);
      at.start(expect_well(restarted ? log.restart_at(start) : log.delete_before(start), &changed));
      co_await runtime::sleep_for(1ms);
      EXPECT_EQ(log.start(), start);
      EXPECT_FALSE(changed) << "its round waits for the remainder's";
      at.node.disk().fail_next({.kinds = {OpKind::write}, .path = "journal/"}, ErrorKind::no_space);
      at.node.disk().release();
      co_await runtime::sleep_for(5s);
      EXPECT_TRUE(rolled);
      EXPECT_TRUE(changed);
      EXPECT_EQ(co_await publish(log, {"new"}), ErrorCode::none);
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    });
    at.node.crash(CrashKind::kill);
    at.node.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = *open->store->find(partition(0));
      EXPECT_THAT(co_await open->store->damages(), IsEmpty());
      EXPECT_EQ(log.start(), start);
      EXPECT_THAT(co_await read_texts(log, start), ElementsAre(std::to_string(start.value()) + "=new"));
    });
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
