// Files of segments that leave their log while they are being made: none stays behind.
#include <gmock/gmock.h>

#include "runtime/sync.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::OpFilter;
using runtime::sim::OpKind;
using runtime::sim::World;
using testing::IsEmpty;

struct OneNode {
  World world{3};
  Node& node{world.add_node("a")};
  void start(Task<void> task) {
    auto gate = std::make_shared<runtime::Gate>();
    node.keep(gate);
    (void)gate->spawn(*runtime::Shard::current(), std::move(task));
  }
  std::vector<std::string> segment_files() const {
    std::vector<std::string> found;
    for (const std::string& path : node.disk().files()) {
      if (path.find("/topics/") != std::string::npos) found.push_back(path);
    }
    return found;
  }
};

LogConfig at_once() {
  LogConfig config;
  config.file_delete_delay_ms = 0;
  return config;
}

Task<void> write_back(Store& store) {
  (void)co_await store.checkpoint();
}

TEST(StoreLeftFiles, ASegmentThatIsDeletedDuringItsFirstWriteLeavesNoFile) {
  // The file is being made, written, and gets its index.
  for (const OpFilter& hangs : {OpFilter{.kinds = {OpKind::create}, .path = ".log"},
                                OpFilter{.kinds = {OpKind::write}, .path = ".log"},
                                OpFilter{.kinds = {OpKind::create}, .path = ".index"}}) {
    for (const bool crash : {false, true}) {
      OneNode at;
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        Log& log = **co_await open->store->create(partition(0), at_once());
        for (int i = 0; i < 4; ++i) {
          EXPECT_EQ(co_await publish(log, {std::string(3000, 'x')}), ErrorCode::none);
        }
        EXPECT_TRUE((co_await log.roll()).has_value());
        log.set_high_watermark(log.end());
        at.node.disk().stall(hangs);
        at.start(write_back(*open->store));
        co_await runtime::sleep_for(1s);
        EXPECT_TRUE((co_await log.delete_before(log.end())).has_value());
        co_await runtime::sleep_for(5s);
        at.node.disk().release();
        if (crash) co_return;
        co_await runtime::sleep_for(5s);
        EXPECT_THAT(at.segment_files(), IsEmpty());
        EXPECT_EQ(co_await publish(log, {"more"}), ErrorCode::none);
        EXPECT_TRUE((co_await open->store->close()).has_value());
      });
      at.node.crash(CrashKind::kill);
      at.node.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        co_await runtime::sleep_for(5s);
        EXPECT_THAT(at.segment_files(), IsEmpty());
        EXPECT_EQ(open->store->find(partition(0))->end(), Offset(crash ? 4 : 5));
      });
    }
  }
}

TEST(StoreLeftFiles, ALogThatIsDroppedIsNotWrittenAnyMore) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log& log = **co_await open->store->create(partition(0), at_once());
    for (int i = 0; i < 4; ++i) EXPECT_EQ(co_await publish(log, {std::string(3000, 'x')}), ErrorCode::none);
    at.node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
    // Its file, were it made, would be written while the record becomes durable.
    at.node.disk().stall({.kinds = {OpKind::make_directory}});
    bool dropped = false;
    at.start([](Store& store, bool& done) -> Task<void> {
      EXPECT_TRUE((co_await store.drop(partition(0))).has_value());
      done = true;
    }(*open->store, dropped));
    co_await runtime::sleep_for(1ms);
    at.start(write_back(*open->store));
    co_await runtime::sleep_for(1s);
    EXPECT_FALSE(dropped);
    at.node.disk().release();
    at.node.disk().stall({.kinds = {OpKind::write}, .path = ".log"});
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE(dropped);
    at.node.disk().release();
    co_await runtime::sleep_for(5s);
    EXPECT_THAT(at.segment_files(), IsEmpty());
  });
}

// The file was made, and nothing could be written to it.
TEST(StoreLeftFiles, AFileThatFoundNoSpaceLeavesWithItsLog) {
  for (const bool drop : {true, false}) {
    OneNode at;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = **co_await open->store->create(partition(0), at_once());
      for (int i = 0; i < 4; ++i) EXPECT_EQ(co_await publish(log, {std::string(3000, 'x')}), ErrorCode::none);
      EXPECT_TRUE((co_await log.roll()).has_value());
      log.set_high_watermark(log.end());
      at.node.disk().fail_next({.kinds = {OpKind::write, OpKind::allocate}, .path = "/topics/"},
                               ErrorKind::no_space, 100);
      co_await write_back(*open->store);
      EXPECT_EQ(at.segment_files().size(), 1u);
      if (drop) {
        EXPECT_TRUE((co_await open->store->drop(partition(0))).has_value());
      } else {
        EXPECT_TRUE((co_await log.delete_before(log.end())).has_value());
      }
      co_await runtime::sleep_for(5s);
      EXPECT_THAT(at.segment_files(), IsEmpty());
    });
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
