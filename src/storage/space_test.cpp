#include "storage/space.h"

#include <gmock/gmock.h>

#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::World;

TEST(SpacePlan, IsBoundedBothWays) {
  StoreOptions options;
  const SpacePlan small = plan_space(options, 1ull << 30);
  EXPECT_LE(small.reserve + small.ballast, (1ull << 30) / 8) << "a disk of 1 GiB still publishes";
  const SpacePlan large = plan_space(options, 20ull << 40);
  EXPECT_LE(large.reserve + large.ballast, 1ull << 30) << "a disk of 20 TB does not lose 400 GB";
  EXPECT_GE(large.ballast, options.journal_file_bytes * options.journal_files);
}

TEST(Space, APublisherIsRefusedBeforeTheDiskIsFullAndWelcomeAgainAfterwards) {
  World world(3);
  auto& node = world.add_node("a");
  StoreOptions options = small_options();
  options.reserve_bytes = 2 << 20;
  options.ballast_bytes = 4 << 20;
  run(node, [&](Runtime&) -> Task<void> {
    node.disk().set_capacity(64 << 20);
    auto open = co_await opened_store(node, options);
    Store& store = *open->store;
    LogConfig config;
    config.segment_bytes = 1 << 20;
    config.file_delete_delay_ms = 0;
    Log* log = *co_await store.create(partition(0), config);
    LogConfig internal;
    internal.internal = true;
    Log* offsets = *co_await store.create(partition(1), internal);
    co_await runtime::sleep_for(2s);
    const std::string text(100'000, 'x');
    ErrorCode error = ErrorCode::none;
    int published = 0;
    while (error == ErrorCode::none && published < 2000) {
      error = co_await publish(*log, {text});
      if (error == ErrorCode::none) ++published;
      co_await runtime::sleep_for(10ms);
    }
    EXPECT_EQ(error, ErrorCode::kafka_storage_error);
    EXPECT_GT(published, 100);
    EXPECT_TRUE(store.health().writable) << "a full disk is no failure";
    EXPECT_FALSE(store.health().space_left);
    EXPECT_EQ(co_await publish(*offsets, {"commit"}), ErrorCode::none);
    EXPECT_TRUE((co_await store.checkpoint()).has_value());
    EXPECT_EQ((co_await read_texts(*log, Offset(0), 300'000)).size(), static_cast<size_t>(published));
    // Deleting makes room.
    log->set_high_watermark(log->end());
    EXPECT_TRUE((co_await log->delete_before(log->end())).has_value());
    co_await runtime::sleep_for(10s);
    EXPECT_TRUE(store.health().space_left);
    EXPECT_EQ(co_await publish(*log, {text}), ErrorCode::none);
    EXPECT_TRUE((co_await store.close()).has_value());
  });
}

TEST(Space, AnUnknownFolderIsPutAsideAndNothingElse) {
  World world(3);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log* log = *co_await open->store->create(partition(0), {});
    for (int i = 0; i < 5; ++i) (void)co_await publish(*log, {std::string(3000, 'x')});
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  const std::string unknown = std::string(kDirectory) + "/topics/" + to_string(partition(0, 7).topic) + "/3";
  node.disk().install(unknown + "/0000000000000007.log", as_bytes("something"));
  node.crash(runtime::sim::CrashKind::kill);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE(open->diagnostics.contains("storage.set_aside"));
    size_t aside = 0;
    for (const std::string& path : node.disk().files()) {
      EXPECT_FALSE(path.starts_with(unknown));
      if (path.find("/set-aside/") != std::string::npos) ++aside;
    }
    EXPECT_EQ(aside, 1u);
    EXPECT_EQ((co_await read_texts(*open->store->find(partition(0)), Offset(0))).size(), 5u);
  });
}

// What a crash left of a compaction or repair that came to no record; and a file that a log has is never touched.
TEST(Space, AFileOfNoLogInAKnownFolderIsPutAside) {
  World world(3);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log* log = *co_await open->store->create(partition(0), {});
    for (int i = 0; i < 5; ++i) (void)co_await publish(*log, {std::string(3000, 'x')});
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  const std::string folder = std::string(kDirectory) + "/topics/" + to_string(partition(0).topic) + "/0/";
  node.disk().install(folder + "0000000000000777.log", as_bytes("something"));
  node.disk().install(folder + "0000000000000777.index", as_bytes("something"));
  // With an id that may be given yet: left alone.
  node.disk().install(folder + "0000000000ffffff.log", as_bytes("something"));
  node.crash(runtime::sim::CrashKind::kill);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    co_await runtime::sleep_for(1s);
    EXPECT_FALSE(node.disk().contents(folder + "0000000000000777.log").has_value());
    EXPECT_FALSE(node.disk().contents(folder + "0000000000000777.index").has_value());
    EXPECT_TRUE(node.disk().contents(folder + "0000000000ffffff.log").has_value());
    EXPECT_TRUE(node.disk()
                    .contents(std::string(kDirectory) + "/set-aside/" + to_string(partition(0).topic) +
                              "-0-0000000000000777.log")
                    .has_value());
    Log* log = open->store->find(partition(0));
    EXPECT_EQ((co_await read_texts(*log, Offset(0))).size(), 5u);
    EXPECT_EQ(co_await publish(*log, {"more"}), ErrorCode::none);
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
