// The journal finds no space: what waits goes on once there is some, and a stop does not wait for it.
#include <gmock/gmock.h>

#include "runtime/sync.h"
#include "storage/store_room_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::OpKind;

// A turn waits for what the journal does not take, and the stop for the turn.
TEST(StoreRoom, AStopEndsWhileTheJournalFindsNoSpace) {
  for (const bool relaxed : {false, true}) {
    for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
      SCOPED_TRACE(relaxed);
      OneNode at;
      LogConfig config;
      if (relaxed) config.flush = LogConfig::Flush::interval;
      constexpr int kLogs = 20;
      run(at.node, [&](Runtime& runtime) -> Task<void> {
        auto open = co_await opened_store(at.node, small_options());
        for (int p = 0; p < kLogs; ++p) {
          co_await make_log(runtime, *open->store, partition(p), config);
          EXPECT_TRUE(co_await published(*open->store->find(partition(p)), 3000, 5s));
        }
        co_await runtime::sleep_for(3s);
        at.node.disk().fail_randomly({.kinds = {OpKind::write}, .path = relaxed ? "relaxed/" : "journal/"},
                                     ErrorKind::no_space, 1, 1);
        // It has remainders to carry.
        bool turned = false;
        runtime.shard(0).spawn([](Store& store, bool& done) -> Task<void> {
          EXPECT_FALSE((co_await store.checkpoint()).has_value());
          done = true;
        }(*open->store, turned));
        const auto waits = co_await append_texts(*open->store->find(partition(0)), {"not acknowledged"});
        EXPECT_TRUE(waits.has_value());
        co_await runtime::sleep_for(5s);
        EXPECT_FALSE(turned);
        bool closed = false;
        runtime.shard(0).spawn([](Store& store, bool& done) -> Task<void> {
          (void)co_await store.close();
          done = true;
        }(*open->store, closed));
        const auto code = co_await open->store->find(partition(0))->wait_stable(Offset(2), in(5s));
        EXPECT_EQ(code, ErrorCode::kafka_storage_error);
        co_await runtime::sleep_for(5s);
        EXPECT_TRUE(turned);
        EXPECT_TRUE(closed);
        at.node.disk().clear_faults();
      });
      if (HasFailure()) return;
      after(kind, at, small_options(), [&](Store& store) -> Task<void> {
        for (int p = 0; p < kLogs; ++p) {
          Log& log = *store.find(partition(p));
          // What was not acknowledged may be there all the same.
          const auto texts = co_await read_texts(log, Offset(0));
          EXPECT_GE(texts.size(), 1U);
          EXPECT_LE(texts.size(), p == 0 ? 2U : 1U);
          if (!texts.empty()) EXPECT_EQ(texts[0], "0=" + std::string(3000, 'x'));
          if (texts.size() > 1) EXPECT_EQ(texts[1], "1=not acknowledged");
          EXPECT_TRUE(co_await published(log, 3000, 5s));
        }
      });
    }
  }
}

// On a file system that takes new space to overwrite old.
void refuse_and_go_on(bool relaxed) {
  OneNode at;
  LogConfig config;
  if (relaxed) config.flush = LogConfig::Flush::interval;
  StoreOptions options = small_options();
  options.journal_file_bytes = 256 << 10;
  constexpr int kLogs = 20;
  std::vector<int> counts(kLogs);
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    for (int p = 0; p < kLogs; ++p) co_await make_log(runtime, *open->store, partition(p), config);
    co_await runtime::sleep_for(3s);
    // Now and then there is some, which somebody else takes.
    at.node.disk().fail_randomly({.kinds = {OpKind::write}, .path = relaxed ? "relaxed/" : "journal/"},
                                 ErrorKind::no_space, 2, 3);
    std::vector<Task<void>> tasks;
    tasks.reserve(kLogs);
    for (int p = 0; p < kLogs; ++p) {
      tasks.push_back(publish_until(*open->store->find(partition(p)), 1001, in(10s), counts[p]));
    }
    co_await runtime::when_all(std::move(tasks));
    at.node.disk().clear_faults();
    for (int i = 0; i < 300; ++i) {
      const int p = i % kLogs;
      EXPECT_TRUE(co_await published(*open->store->find(partition(p)), 5001, 5s)) << i;
      if (testing::Test::HasFailure()) co_return;
      ++counts[p];
    }
  });
  if (testing::Test::HasFailure()) return;
  after(relaxed ? CrashKind::kill : CrashKind::power_cut, at, options, [&](Store& store) -> Task<void> {
    for (int p = 0; p < kLogs; ++p) {
      Log& log = *store.find(partition(p));
      EXPECT_GE(log.stable_end(), Offset(counts[p]));
      // What was not acknowledged may be there all the same, and is whole then.
      const auto texts = co_await read_texts(log, Offset(0));
      EXPECT_EQ(texts.size(), static_cast<size_t>(log.end().value()));
      for (size_t i = 0; i < texts.size(); ++i) {
        const size_t size = texts[i].size() - std::min(texts[i].size(), texts[i].find('x'));
        EXPECT_TRUE(texts[i].starts_with(std::to_string(i) + "=x") && (size == 1001 || size == 5001))
            << texts[i].substr(0, 100);
      }
      EXPECT_EQ(std::ranges::count_if(texts, [](const std::string& text) { return text.size() > 5001; }),
                300 / kLogs);
    }
  });
}

TEST(StoreRoom, AJournalThatCouldNotBeOverwrittenGoesOnOnceThereIsSpace) {
  for (const bool relaxed : {false, true}) {
    SCOPED_TRACE(relaxed);
    refuse_and_go_on(relaxed);
  }
}

TEST(StoreRoom, TheBallastIsGivenUpForAJournalThatCannotBeOverwritten) {
  OneNode at;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    StoreOptions options = small_options();
    options.ballast_bytes = 4 << 20;
    auto open = co_await opened_store(at.node, options);
    co_await make_log(runtime, *open->store, partition(0));
    co_await runtime::sleep_for(3s);
    EXPECT_FALSE(open->diagnostics.contains("disk.ballast_given_up"));
    at.node.disk().fail_next({.kinds = {OpKind::write}, .path = "journal/"}, ErrorKind::no_space);
    EXPECT_TRUE(co_await published(*open->store->find(partition(0)), 1000, 5s));
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE(open->diagnostics.contains("disk.ballast_given_up"));
  });
}

// The file system tells of space and gives none: a quota, a thin pool.
TEST(StoreRoom, TheBallastIsNotMadeAgainWhileWritesFindNoSpace) {
  OneNode at;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    StoreOptions options = small_options();
    options.ballast_bytes = 4 << 20;
    auto open = co_await opened_store(at.node, options);
    co_await make_log(runtime, *open->store, partition(0));
    co_await runtime::sleep_for(3s);
    at.node.disk().fail_randomly({.kinds = {OpKind::write}, .path = "journal/"}, ErrorKind::no_space, 1, 1);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await append_texts(log, {"waits"})).has_value());
    co_await runtime::sleep_for(30s);
    const auto told = [&](std::string_view name) {
      return std::ranges::count(open->diagnostics.events, name, &Diagnostic::name);
    };
    EXPECT_EQ(told("disk.ballast_given_up"), 1);
    EXPECT_EQ(told("disk.nearly_full"), 1);
    EXPECT_EQ(told("disk.has_space"), 0);
    at.node.disk().clear_faults();
    co_await runtime::sleep_for(15s);
    EXPECT_EQ(told("disk.has_space"), 1);
    EXPECT_TRUE(co_await published(log, 1000, 5s));
  });
}

// Also one that comes while the ballast is being made.
TEST(StoreRoom, AWriteThatFoundNoSpaceIsNotForgottenWhileTheDiskIsLookedAt) {
  OneNode at;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    StoreOptions options = small_options();
    options.ballast_bytes = 4 << 20;
    at.node.disk().stall({.kinds = {OpKind::allocate}, .path = "ballast"});
    auto open = co_await opened_store(at.node, options);
    co_await make_log(runtime, *open->store, partition(0));
    co_await runtime::sleep_for(3s);
    at.node.disk().fail_next({.kinds = {OpKind::write}, .path = "journal/"}, ErrorKind::no_space);
    EXPECT_TRUE(co_await published(*open->store->find(partition(0)), 1000, 5s));
    at.node.disk().release();
    co_await runtime::sleep_for(3s);
    EXPECT_TRUE(open->diagnostics.contains("disk.ballast_given_up"));
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
