// The store with its segment files: write-back, reading from files, checkpoints, removal, flush=interval.
#include <gmock/gmock.h>

#include <algorithm>

#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::World;
using testing::ElementsAre;
using testing::IsEmpty;

struct OneNode {
  explicit OneNode(uint64_t seed = 1) : world(seed), node(world.add_node("a")) {}
  World world;
  Node& node;
  void restart(CrashKind kind = CrashKind::power_cut) {
    node.crash(kind);
    node.restart();
  }
  size_t segment_files() const {
    return static_cast<size_t>(std::ranges::count_if(
        node.disk().files(), [](const std::string& path) { return path.ends_with(".log"); }));
  }
};

Task<Log*> made(Store& store, TopicPartition id, LogConfig config = {}) {
  auto log = co_await store.create(id, config);
  GW_CHECK(log.has_value(), "a log can be made");
  co_return *log;
}

std::string text_of(int i, size_t size) {
  std::string text = std::to_string(i);
  return text + std::string(size - text.size(), '.');
}

Task<void> publish_many(Log& log, int from, int to, size_t size) {
  for (int i = from; i < to; ++i) EXPECT_EQ(co_await publish(log, {text_of(i, size)}), ErrorCode::none);
}

Task<void> expect_texts(Log& log, int from, int to, size_t size, size_t step) {
  const auto texts = co_await read_texts(log, Offset(from), step);
  EXPECT_EQ(texts.size(), static_cast<size_t>(to - from));
  for (int i = from; i < to && i - from < static_cast<int>(texts.size()); ++i) {
    const std::string expected = std::to_string(i) + "=" + text_of(i, size);
    const std::string& found = texts[static_cast<size_t>(i - from)];
    if (found != expected) {
      ADD_FAILURE() << "expected record " << i << ", got " << found.substr(0, 200);
      co_return;
    }
  }
}

Task<void> expect_texts_until_error(Log& log, int from, int to, size_t size) {
  auto texts = co_await read_texts(log, Offset(from), 10'000);
  EXPECT_FALSE(texts.empty());
  if (texts.empty()) co_return;
  EXPECT_TRUE(texts.back().starts_with("error")) << texts.back().substr(0, 100);
  texts.pop_back();
  EXPECT_EQ(texts.size(), static_cast<size_t>(to - from));
  if (!texts.empty()) EXPECT_EQ(texts.back(), std::to_string(to - 1) + "=" + text_of(to - 1, size));
}

TEST(StoreFiles, WhatWasWrittenBackIsReadFromFilesAndMemoryAlike) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    // Sizes that are no multiple of a block: a batch lies over every written mark.
    co_await publish_many(*log, 0, 50, 3000);
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    EXPECT_GT(log->stats().disk_bytes, 100'000u);
    EXPECT_LT(log->stats().unwritten_bytes, 4096u);
    co_await expect_texts(*log, 0, 50, 3000, 10'000);
    co_await publish_many(*log, 50, 60, 3000);
    co_await expect_texts(*log, 0, 60, 3000, 1 << 20);
    // Idle tails give back what is in the file; the batch over the mark is put together from both.
    co_await runtime::sleep_for(60s);
    EXPECT_LT(log->stats().memory_bytes, 60'000u);
    co_await expect_texts(*log, 0, 60, 3000, 5000);
    co_await expect_texts(*log, 49, 60, 3000, 5000);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    co_await expect_texts(*log, 0, 60, 3000, 10'000);
    co_await publish_many(*log, 60, 70, 3000);
    co_await expect_texts(*log, 55, 70, 3000, 1);
  });
}

// Found by reading back after many restarts: one read that went over several files held what it had, and waited for itself.
TEST(StoreFiles, AReadThatHoldsAnAnswerDoesNotWaitForMoreMemory) {
  OneNode at;
  StoreOptions options = small_options();
  options.read_buffer_bytes = 640 << 10;
  LogConfig config;
  config.segment_bytes = 100'000;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    Log* log = co_await made(*open->store, partition(0), config);
    co_await publish_many(*log, 0, 200, 7000);
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    co_await runtime::sleep_for(60s);
    Offset from(0);
    while (from < log->end()) {
      const auto part = co_await log->read({.from = from, .bytes_max = 8 << 20, .end = log->end()});
      EXPECT_TRUE(part.has_value() && part->next > from);
      if (!part || part->next <= from) co_return;
      from = part->next;
    }
    // As a Fetch does that goes on to its next partition.
    const auto held = co_await log->read({.from = Offset(0), .bytes_max = 8 << 20, .end = log->end()});
    const auto next = co_await log->read({.from = Offset(100), .end = log->end(), .may_wait = false});
    EXPECT_TRUE(held.has_value() && next.has_value());
    EXPECT_GE(next->next, Offset(100));
  });
}

TEST(StoreFiles, ManyTurnsOfTheJournalOverManyPartitionsLoseNothing) {
  OneNode at;
  StoreOptions options = small_options();
  options.journal_file_bytes = 256 << 10;
  options.arena_bytes = 2 << 20;
  LogConfig config;
  config.segment_bytes = 300'000;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    for (int p = 0; p < 10; ++p) (void)co_await made(*open->store, partition(p), config);
    for (int i = 0; i < 1000; ++i) {
      Log* log = open->store->find(partition(i % 10 < 8 ? 0 : i % 10));
      co_await publish_many(*log, static_cast<int>(log->end().value()),
                            static_cast<int>(log->end().value()) + 1, 7000);
    }
    EXPECT_GT(at.segment_files(), 15u);
    for (int p : {0, 8, 9}) {
      Log* log = open->store->find(partition(p));
      co_await expect_texts(*log, 0, static_cast<int>(log->end().value()), 7000, 200'000);
    }
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    EXPECT_EQ(open->store->find(partition(0))->end(), Offset(800));
    for (int p : {0, 8, 9}) {
      Log* log = open->store->find(partition(p));
      co_await expect_texts(*log, 0, static_cast<int>(log->end().value()), 7000, 1 << 20);
    }
  });
}

TEST(StoreFiles, TruncationIntoAFileSealsItThere) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    co_await publish_many(*log, 0, 30, 3000);
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    EXPECT_TRUE((co_await log->truncate(Offset(10))).has_value());
    EXPECT_EQ(log->end(), Offset(10));
    co_await publish_many(*log, 10, 20, 3000);
    co_await expect_texts(*log, 0, 20, 3000, 10'000);
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    co_await expect_texts(*log, 0, 20, 3000, 10'000);
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    co_await expect_texts(*open->store->find(partition(0)), 0, 20, 3000, 10'000);
  });
}

TEST(StoreFiles, RetentionAndDropRemoveFiles) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    LogConfig config;
    config.segment_bytes = 20'000;
    config.retention_ms = -1;
    config.retention_bytes = 50'000;
    Log* log = co_await made(*open->store, partition(0), config);
    co_await publish_many(*log, 0, 40, 3000);
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    const size_t before = at.segment_files();
    EXPECT_GT(before, 5u);
    log->set_high_watermark(log->end());
    co_await open->store->run_retention();
    EXPECT_GT(log->start(), Offset(0));
    EXPECT_EQ(at.segment_files(), before) << "readers have a minute";
    co_await runtime::sleep_for(61s);
    EXPECT_LT(at.segment_files(), before);
    co_await expect_texts(*log, static_cast<int>(log->start().value()), 40, 3000, 10'000);
    EXPECT_TRUE((co_await open->store->drop(partition(0))).has_value());
    co_await runtime::sleep_for(61s);
    EXPECT_EQ(at.segment_files(), 0u);
  });
}

TEST(StoreFiles, FilesThatWereToGoWhenTheProcessEndedGoAfterTheNextStart) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    co_await publish_many(*log, 0, 10, 3000);
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    EXPECT_TRUE((co_await open->store->drop(partition(0))).has_value());
    // So that only the checkpoint knows of it.
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
  });
  EXPECT_EQ(at.segment_files(), 1u);
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(at.segment_files(), 0u);
  });
}

TEST(StoreFiles, IntervalTopicsSurviveAKillAndLoseAtMostAnIntervalToAPowerCut) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    OneNode at;
    LogConfig config;
    config.flush = LogConfig::Flush::interval;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log* log = co_await made(*open->store, partition(0), config);
      co_await publish_many(*log, 0, 10, 3000);
      EXPECT_EQ(log->stable_end(), Offset(10));
      co_await runtime::sleep_for(3s);
      EXPECT_EQ(log->synced_end(), Offset(10));
      co_await publish_many(*log, 10, 12, 3000);
    });
    at.restart(kind);
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log* log = open->store->find(partition(0));
      EXPECT_GE(log->end(), Offset(kind == CrashKind::kill ? 12 : 10));
      co_await expect_texts(*log, 0, static_cast<int>(log->end().value()), 3000, 10'000);
    });
  }
}

TEST(StoreFiles, AnIntervalTopicIsPublishedToForMoreThanItsJournalHoldsAtOnce) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    LogConfig config;
    config.flush = LogConfig::Flush::interval;
    config.flush_ms = 60'000;  // nothing is synced, so nothing written back, before the journal is full
    Log* log = co_await made(*open->store, partition(0), config);
    co_await publish_many(*log, 0, 400, 50'000);
    EXPECT_EQ(log->stable_end(), Offset(400));
    co_await expect_texts(*log, 0, 400, 50'000, 100'000);
  });
}

TEST(StoreFiles, ATopicMayChangeItsFlushAndLosesNothing) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    LogConfig config;
    Log* log = co_await made(*open->store, partition(0), config);
    co_await publish_many(*log, 0, 10, 3000);
    config.flush = LogConfig::Flush::interval;
    log->set_config(config);
    co_await publish_many(*log, 10, 20, 3000);
    config.flush = LogConfig::Flush::always;
    log->set_config(config);
    co_await runtime::sleep_for(3s);
    co_await publish_many(*log, 20, 30, 3000);
    EXPECT_EQ(log->synced_end(), Offset(30));
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    EXPECT_EQ(log->end(), Offset(30));
    co_await expect_texts(*log, 0, 30, 3000, 10'000);
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    co_await expect_texts(*open->store->find(partition(0)), 0, 30, 3000, 10'000);
  });
}

TEST(StoreFiles, TimesAreFoundInFilesAndMemory) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    for (int64_t i = 0; i < 40; ++i) {
      (void)co_await append_texts(*log, {text_of(static_cast<int>(i), 3000)}, LeaderEpoch(0), nullptr,
                                  1000 + i * 10);
      if (i == 30) EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    }
    for (const int64_t i : {0, 5, 29, 30, 31, 39}) {
      auto found = co_await log->find_timestamp(1000 + i * 10 - 5, log->end());
      EXPECT_TRUE(found && *found);
      if (found && *found) EXPECT_EQ((*found)->offset, Offset(i));
    }
    auto largest = co_await log->find_timestamp_max(log->end());
    EXPECT_TRUE(largest && *largest && (*largest)->offset == Offset(39));
  });
}

TEST(StoreFiles, AFailedSyncEndsPublishingAndReadingGoesOn) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    co_await publish_many(*log, 0, 5, 3000);
    bool told = false;
    open->store->on_health_change([&] { told = true; });
    at.node.disk().fail_next({.kinds = {runtime::sim::OpKind::sync}, .path = "journal"}, ErrorKind::io);
    EXPECT_EQ(co_await publish(*log, {"lost"}), ErrorCode::kafka_storage_error);
    EXPECT_EQ(co_await publish(*log, {"refused"}), ErrorCode::kafka_storage_error);
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE(told);
    EXPECT_FALSE(open->store->health().writable);
    EXPECT_EQ(log->end(), Offset(5));
    co_await expect_texts(*log, 0, 5, 3000, 10'000);
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    // What was not acknowledged may be there all the same; what was acknowledged is.
    auto texts = co_await read_texts(*log, Offset(0), 10'000);
    EXPECT_GE(texts.size(), 5u);
    if (texts.size() > 5) EXPECT_EQ(texts[5], "5=lost");
    EXPECT_LE(texts.size(), 6u);
    texts.resize(5);
    EXPECT_EQ(texts[4], "4=" + text_of(4, 3000));
    EXPECT_EQ(co_await publish(*log, {"again"}), ErrorCode::none);
  });
}

// Whether the scan of the journal finds it, or the loading of what the scan left unread.
void check_a_damaged_round(const StoreOptions& options) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    Log* log = co_await made(*open->store, partition(0));
    co_await publish_many(*log, 0, 10, 6000);
    // The mark that says what was acknowledged is behind the damage.
    co_await runtime::sleep_for(3s);
  });
  std::string file;
  for (const std::string& path : at.node.disk().files()) {
    const auto contents = at.node.disk().contents(path);
    if (!contents || path.find("/journal/") == std::string::npos) continue;
    const std::string text(as_text(*contents));
    if (const size_t found = text.find(text_of(6, 6000)); found != std::string::npos) {
      EXPECT_TRUE(at.node.disk().flip_bit(path, found + 3000, 1));
      file = path;
    }
  }
  EXPECT_FALSE(file.empty());
  for (int restarts = 0; restarts < 3; ++restarts) {
    at.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node, options);
      Log* log = open->store->find(partition(0));
      EXPECT_EQ(log->end(), Offset(10 + restarts));
      co_await expect_texts_until_error(*log, 0, 6, 6000);
      auto damaged = co_await log->read({.from = Offset(6), .end = log->end()});
      EXPECT_FALSE(damaged.has_value());
      if (!damaged) EXPECT_EQ(damaged.error().code, ErrorCode::kafka_storage_error);
      const auto damages = co_await open->store->damages();
      EXPECT_EQ(damages.size(), 1u);
      if (!damages.empty()) EXPECT_EQ(damages[0].from, Offset(6));
      EXPECT_EQ(co_await publish(*log, {"new"}), ErrorCode::none);
      EXPECT_EQ((co_await read_texts(*log, Offset(10))).size(), static_cast<size_t>(restarts + 1));
      EXPECT_THAT(co_await read_texts(*log, Offset(10 + restarts)),
                  ElementsAre(std::to_string(10 + restarts) + "=new"));
      // With a checkpoint and without one: what was acknowledged behind the damage is there in the next life.
      if (restarts == 1) EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    });
  }
}

TEST(StoreFiles, OffsetsOfDamagedRoundsAreNotHandedOutAgainAndReadingThemNamesTheDamage) {
  check_a_damaged_round(small_options());
}

TEST(StoreFiles, WhatIsDamagedInARoundThatIsReadOnlyWhenItIsLoadedIsNamedAlike) {
  StoreOptions options = small_options();
  options.journal_scan_payload_max = 0;
  check_a_damaged_round(options);
}

// The unreadable payload of one log costs neither another log's bytes of that round nor what precedes it.
TEST(StoreFiles, AReadErrorWhileLoadingCostsOnlyTheLogWhoseBytesItHits) {
  OneNode at;
  StoreOptions options = small_options();
  options.journal_scan_payload_max = 0;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    Log* first = co_await made(*open->store, partition(0));
    Log* second = co_await made(*open->store, partition(1));
    for (int i = 0; i < 5; ++i) {
      co_await publish_many(*first, i, i + 1, 9000);
      co_await publish_many(*second, i, i + 1, 9000);
    }
    co_await runtime::sleep_for(3s);
  });
  for (const std::string& path : at.node.disk().files()) {
    const auto contents = at.node.disk().contents(path);
    if (!contents || path.find("/journal/") == std::string::npos) continue;
    const size_t found = as_text(*contents).find(text_of(3, 9000));
    if (found != std::string::npos) at.node.disk().fail_reads(path, found + 4096, 1);
  }
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    co_await expect_texts_until_error(*open->store->find(partition(0)), 0, 3, 9000);
    co_await expect_texts(*open->store->find(partition(1)), 0, 5, 9000, 1 << 20);
    EXPECT_EQ((co_await open->store->damages()).size(), 1u);
    EXPECT_EQ(open->store->find(partition(0))->end(), Offset(5));
    EXPECT_TRUE(open->diagnostics.contains("journal.damaged"));
  });
}

TEST(StoreFiles, AStartWithAMuchSmallerArenaWritesBackAndLosesNothing) {
  for (const bool interval : {false, true}) {
    OneNode at;
    StoreOptions options = small_options();
    options.arena_bytes = 16 << 20;
    options.journal_file_bytes = 4 << 20;
    LogConfig config;
    config.segment_bytes = 2'000'000;
    if (interval) config.flush = LogConfig::Flush::interval;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node, options);
      for (int p = 0; p < 3; ++p) (void)co_await made(*open->store, partition(p), config);
      // One log that alone is more than the next arena, and batches of more than a piece of it.
      for (int i = 0; i < 40; ++i) co_await publish_many(*open->store->find(partition(0)), i, i + 1, 90'000);
      for (int i = 0; i < 6; ++i) co_await publish_many(*open->store->find(partition(1)), i, i + 1, 300'000);
      co_await publish_many(*open->store->find(partition(2)), 0, 50, 1000);
      co_await runtime::sleep_for(3s);
    });
    options.arena_bytes = 1 << 20;
    for (int restarts = 0; restarts < 2; ++restarts) {
      at.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node, options);
        // What is in memory alone is known to write-back.
        uint64_t unwritten = 0;
        for (int p = 0; p < 3; ++p) unwritten += open->store->find(partition(p))->stats().unwritten_bytes;
        co_await runtime::sleep_for(1s);
        EXPECT_LE(unwritten, options.arena_bytes);
        co_await expect_texts(*open->store->find(partition(0)), 0, 40, 90'000, 500'000);
        co_await expect_texts(*open->store->find(partition(1)), 0, 6, 300'000, 500'000);
        Log* small = open->store->find(partition(2));
        co_await expect_texts(*small, 0, 50 + restarts, 1000, 1 << 20);
        co_await publish_many(*small, 50 + restarts, 51 + restarts, 1000);
        EXPECT_TRUE((co_await open->store->damages()).empty());
        // More than an interval.
        co_await runtime::sleep_for(3s);
      });
    }
  }
}

// Rule 20: readers that never let go of what they were given do not take the memory that appends need.
TEST(StoreFiles, ReadersThatKeepTheirAnswersDoNotStopPublishers) {
  OneNode at;
  StoreOptions options = small_options();
  options.arena_bytes = 2 << 20;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    Log* log = co_await made(*open->store, partition(0));
    std::vector<Chain> kept;
    for (int i = 0; i < 200; ++i) {
      co_await publish_many(*log, i, i + 1, 50'000);
      auto answer = co_await log->read({.from = Offset(i), .end = log->end()});
      EXPECT_TRUE(answer.has_value());
      if (!answer) co_return;
      kept.push_back(std::move(answer->batches));
    }
    // Five times the arena, and still as they were.
    for (size_t i = 0; i < kept.size(); ++i) {
      EXPECT_NE(as_text(kept[i].flatten()).find(text_of(static_cast<int>(i), 50'000)), std::string::npos)
          << i;
    }
  });
}

// Many small remainders are not journalled again and again: what is too much of them goes to the files.
TEST(StoreFiles, SmallRemaindersThatAreCarriedForwardAreBoundedInAll) {
  OneNode at;
  StoreOptions options = small_options();
  options.journal_file_bytes = 256 << 10;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    constexpr int kLogs = 60;
    for (int p = 0; p < kLogs; ++p) (void)co_await made(*open->store, partition(p));
    // 12 KB in each: below what is written for its own sake; 720 KB in all.
    for (int p = 0; p < kLogs; ++p) co_await publish_many(*open->store->find(partition(p)), 0, 4, 3000);
    co_await runtime::sleep_for(5s);
    uint64_t unwritten = 0;
    for (int p = 0; p < kLogs; ++p) unwritten += open->store->find(partition(p))->stats().unwritten_bytes;
    // An eighth of a journal file, and what is less than a block of each.
    EXPECT_LE(unwritten, (256u << 10) / 8 + kLogs * 4096u);
    for (int p = 0; p < kLogs; ++p)
      co_await expect_texts(*open->store->find(partition(p)), 0, 4, 3000, 1 << 20);
  });
}

TEST(StoreFiles, SegmentsThatBeganTogetherRollWithinTheirJitter) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    LogConfig config;
    config.segment_ms = 10'000;
    config.segment_jitter_ms = 5'000;
    constexpr int kLogs = 20;
    std::vector<int64_t> rolled(kLogs, -1);
    for (int p = 0; p < kLogs; ++p) (void)co_await made(*open->store, partition(p), config);
    for (int64_t now = 0; now <= 11'000; now += 500) {
      for (int p = 0; p < kLogs; ++p) {
        Log* log = open->store->find(partition(p));
        Bytes batch = batch_of({"x"});
        const auto appended =
            co_await log->append(batch, {.epoch = LeaderEpoch(0),
                                         .now = WallTime{now},
                                         .deadline = runtime::Shard::current()->now() + 5s});
        EXPECT_TRUE(appended.has_value());
        auto& when = rolled[static_cast<size_t>(p)];
        if (log->stats().segments > 1 && when < 0) when = now;
      }
    }
    EXPECT_GE(*std::ranges::min_element(rolled), 5'000);
    EXPECT_LT(*std::ranges::min_element(rolled), 8'000);
    EXPECT_GT(*std::ranges::max_element(rolled), 8'000);
    EXPECT_LE(*std::ranges::max_element(rolled), 10'500);
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
