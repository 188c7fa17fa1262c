// Rule 12 in segment files: damage that a read finds is named, kept and never served, and a replica's batches repair it.
// Rule 17: producers after a truncation.
#include <gmock/gmock.h>

#include <functional>

#include "record/batch_edit.h"
#include "runtime/sim/sweep_testing.h"
#include "runtime/sync.h"
#include "storage/store_model_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::World;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct OneNode {
  explicit OneNode(uint64_t seed = 1) : world(seed), node(world.add_node("a")) {}
  World world;
  Node& node;
  void restart() {
    node.crash(CrashKind::power_cut);
    node.restart();
  }
};

std::string text_of(int i, size_t size) {
  std::string text = "<" + std::to_string(i) + ">";
  return text + std::string(size - text.size(), '.');
}

// Flips a bit of record `i`'s value in the segment file that has it.
bool rot_record(runtime::sim::Disk& disk, int i) {
  for (const std::string& path : disk.files()) {
    if (!path.ends_with(".log")) continue;
    const auto contents = disk.contents(path);
    const size_t found =
        contents ? as_text(*contents).find("<" + std::to_string(i) + ">") : std::string::npos;
    if (found != std::string::npos) return disk.flip_bit(path, found + 100, 2);
  }
  return false;
}

// 40 records of 3,000 bytes in files; those of [from, to) as a replica would send them.
Task<Bytes> filled(Store& store, int from, int to, LogConfig config = {}) {
  auto log = co_await store.create(partition(0), config);
  GW_CHECK(log.has_value(), "a log can be made");
  for (int i = 0; i < 40; ++i) EXPECT_EQ(co_await publish(**log, {text_of(i, 3000)}), ErrorCode::none);
  EXPECT_TRUE((co_await store.checkpoint()).has_value());
  Bytes bytes;
  for (Offset at(from); at < Offset(to);) {
    auto part = co_await (*log)->read({.from = at, .bytes_max = 1, .end = Offset(to)});
    GW_CHECK(part.has_value() && !part->batches.empty(), "what was published can be read");
    const Bytes more = part->batches.flatten();
    bytes.insert(bytes.end(), more.begin(), more.end());
    at = part->next;
  }
  co_return bytes;
}

// Gives the log what a replica has of [from, to).
Task<bool> put_back(Log& log, BytesView batches, int from, int to) {
  co_return (co_await log.repair(batches, Offset(from), Offset(to))).has_value();
}

// Records 0 to 40, or as many as were, as they were published, and others behind.
Task<void> expect_all(Log& log, int count, int published = 40) {
  const auto texts = co_await read_texts(log, Offset(0), 10'000);
  EXPECT_EQ(texts.size(), static_cast<size_t>(count));
  for (int i = 0; i < static_cast<int>(texts.size()) && i < published; ++i) {
    EXPECT_EQ(texts[static_cast<size_t>(i)], std::to_string(i) + "=" + text_of(i, 3000));
  }
}

// `config` decides whether the damage lies in a sealed or in the active segment.
void damage_and_repair(LogConfig config) {
  OneNode at;
  Bytes good;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    good = co_await filled(*open->store, 6, 7, config);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  at.restart();
  EXPECT_TRUE(rot_record(at.node.disk(), 6));
  for (int life = 0; life < 2; ++life) {
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log* log = open->store->find(partition(0));
      auto texts = co_await read_texts(*log, Offset(0), 10'000);
      EXPECT_EQ(texts.size(), 7u) << "what precedes the damage is served first";
      if (!texts.empty()) EXPECT_THAT(texts.back(), HasSubstr("error"));
      const auto damages = log->damages();
      EXPECT_EQ(damages.size(), 1u);
      if (!damages.empty()) {
        EXPECT_EQ(damages[0].from, Offset(6));
        EXPECT_EQ(damages[0].to, Offset(7));
        EXPECT_THAT(damages[0].what, HasSubstr(".log at byte"));
      }
      EXPECT_EQ((co_await open->store->damages()).size(), 1u);
      EXPECT_EQ((co_await open->store->unproven()).size(), 1u);
      EXPECT_EQ(open->diagnostics.contains("log.damaged"), life == 0) << "the second life knows it";
      EXPECT_EQ((co_await read_texts(*log, Offset(7), 10'000)).size(), 33u) << "what lies behind is served";
      EXPECT_TRUE((co_await open->store->close()).has_value());
    });
    at.restart();
  }
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    EXPECT_TRUE(co_await put_back(*log, good, 6, 7));
    EXPECT_THAT(log->damages(), IsEmpty());
    EXPECT_THAT(co_await open->store->unproven(), IsEmpty());
    co_await expect_all(*log, 40);
    EXPECT_EQ(co_await publish(*log, {"more"}), ErrorCode::none);
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    co_await expect_all(*open->store->find(partition(0)), 41);
    EXPECT_THAT(co_await open->store->damages(), IsEmpty());
  });
}

TEST(StoreRepair, ADamagedBatchOfASealedSegmentIsNamedAndRepaired) {
  LogConfig config;
  config.segment_bytes = 50'000;
  damage_and_repair(config);
}

TEST(StoreRepair, ADamagedBatchOfTheActiveSegmentIsNamedAndRepaired) {
  damage_and_repair({});
}

TEST(StoreRepair, WhatTheJournalLostIsRepairedToo) {
  OneNode at;
  Bytes good;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    auto log = co_await open->store->create(partition(0), {});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(co_await publish(**log, {text_of(i, 3000)}), ErrorCode::none);
    good = (co_await (*log)->read({.from = Offset(4), .end = Offset(10)}))->batches.flatten();
    co_await runtime::sleep_for(3s);
  });
  for (const std::string& path : at.node.disk().files()) {
    const auto contents = at.node.disk().contents(path);
    const size_t found = contents ? as_text(*contents).find("<4>") : std::string::npos;
    if (found != std::string::npos) EXPECT_TRUE(at.node.disk().flip_bit(path, found + 9, 2));
  }
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    EXPECT_EQ(log->damages().size(), 1u);
    EXPECT_EQ(co_await publish(*log, {"behind"}), ErrorCode::none);
    EXPECT_TRUE(co_await put_back(*log, good, 4, 10));
    co_await expect_all(*log, 11, 10);
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    co_await expect_all(*open->store->find(partition(0)), 11, 10);
    EXPECT_THAT(co_await open->store->damages(), IsEmpty());
  });
}

TEST(StoreRepair, WhatDoesNotFitIsRefusedAndChangesNothing) {
  OneNode at;
  Bytes good;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    good = co_await filled(*open->store, 6, 8);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  EXPECT_TRUE(rot_record(at.node.disk(), 6));
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    // Nobody read it yet, so nothing is known to be damaged.
    EXPECT_TRUE(co_await put_back(*log, good, 6, 8));
    (void)co_await read_texts(*log, Offset(0), 10'000);
    Bytes bad = good;
    bad[200] ^= std::byte{1};
    const auto refused = co_await log->repair(bad, Offset(6), Offset(8));
    EXPECT_TRUE(!refused && refused.error().code == ErrorCode::corrupt_message);
    EXPECT_EQ(log->damages().size(), 1u);
    // More than the damage is no harm.
    EXPECT_TRUE(co_await put_back(*log, good, 6, 8));
    co_await expect_all(*log, 40);
  });
}

TEST(StoreRepair, IsWholeOrAbsentAfterACrashAnywhere) {
  LogConfig config;
  config.segment_bytes = 50'000;
  config.file_delete_delay_ms = 0;
  // The log before it is damaged: what a replica sends, and then what is on the disk.
  OneNode origin;
  Bytes good;
  run(origin.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(origin.node);
    good = co_await filled(*open->store, 6, 7, config);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  EXPECT_TRUE(rot_record(origin.node.disk(), 6));
  std::map<std::string, Bytes> files;
  for (const std::string& path : origin.node.disk().files()) files[path] = *origin.node.disk().contents(path);
  const auto result = runtime::sim::sweep_crashes(
      {.seeds_per_point = 1, .crashes_in_recovery = true}, [&](runtime::sim::CrashScenario& scenario) {
        auto* const node = &scenario.node();
        for (const auto& [path, bytes] : files) node->disk().install(path, bytes);
        auto repaired = std::make_shared<bool>(false);
        scenario.work([=, &good](Runtime&) -> Task<void> {
          auto open = co_await opened_store(*node);
          Log* log = open->store->find(partition(0));
          (void)co_await read_texts(*log, Offset(0), 10'000);
          EXPECT_TRUE(co_await put_back(*log, good, 6, 7));
          *repaired = true;
          EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
          EXPECT_TRUE((co_await open->store->close()).has_value());
        });
        const auto next_life = [=, &good](Runtime&) -> Task<void> {
          auto open = co_await opened_store(*node);
          Log* log = open->store->find(partition(0));
          EXPECT_NE(log, nullptr);
          if (log == nullptr) co_return;
          const auto texts = co_await read_texts(*log, Offset(0), 10'000);
          if (!texts.empty() && texts.back().starts_with("error")) {
            EXPECT_FALSE(*repaired) << "what was repaired is damaged again";
            EXPECT_EQ(texts.size(), 7u);
            EXPECT_TRUE(co_await put_back(*log, good, 6, 7));
          }
          *repaired = true;
          co_await expect_all(*log, 40);
          EXPECT_TRUE((co_await open->store->close()).has_value());
        };
        scenario.recover(next_life);
        scenario.recover(next_life);
      });
  EXPECT_GT(result.mutations, 10u);
}

// Rule 17: the sequence goes on where the batches that are left end, however far back they lie.
TEST(StoreProducers, AfterATruncationOfAllThatWasKnownOfThemTheyAreFoundInTheRecords) {
  for (const bool restart : {false, true}) {
    OneNode at;
    Producer rare{.id = 5};
    LogConfig config;
    config.segment_bytes = 50'000;
    const auto append = [](Log& log, Producer& producer) -> Task<void> {
      const auto appended = co_await append_texts(log, {std::string(3000, 'x')}, LeaderEpoch(0), &producer);
      EXPECT_TRUE(appended.has_value());
      if (appended)
        EXPECT_EQ(co_await log.wait_stable(appended->last_offset + 1, runtime::Shard::current()->now() + 5s),
                  ErrorCode::none);
    };
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      auto log = co_await open->store->create(partition(0), config);
      for (int i = 0; i < 3; ++i) co_await append(**log, rare);
      for (int i = 0; i < 20; ++i) EXPECT_EQ(co_await publish(**log, {text_of(i, 3000)}), ErrorCode::none);
      // More than are kept of it, and all of those are cut off.
      Producer later = rare;
      for (int i = 0; i < 8; ++i) co_await append(**log, later);
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      EXPECT_TRUE((co_await (*log)->truncate(Offset(20))).has_value());
      if (restart) {
        co_await runtime::sleep_for(3s);
        co_return;
      }
      Producer again = rare;
      again.sequence -= 1;
      const auto repeated = co_await append_texts(**log, {std::string(3000, 'x')}, LeaderEpoch(0), &again);
      EXPECT_TRUE(repeated && repeated->duplicate && repeated->base_offset == Offset(2));
      Producer ahead = later;
      const auto refused = co_await append_texts(**log, {"gap"}, LeaderEpoch(0), &ahead);
      EXPECT_TRUE(!refused && refused.error().code == ErrorCode::out_of_order_sequence_number);
      co_await append(**log, rare);
    });
    if (!restart) continue;
    at.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log* log = open->store->find(partition(0));
      Producer again = rare;
      again.sequence -= 1;
      const auto repeated = co_await append_texts(*log, {std::string(3000, 'x')}, LeaderEpoch(0), &again);
      EXPECT_TRUE(repeated && repeated->duplicate && repeated->base_offset == Offset(2));
      co_await append(*log, rare);
    });
  }
}

// One batch of the producer, and waits until it is stable.
Task<void> append_of(Log& log, Producer& producer, std::string text) {
  const auto appended = co_await append_texts(log, {std::move(text)}, LeaderEpoch(0), &producer);
  EXPECT_TRUE(appended.has_value()) << (appended ? "" : appended.error().message);
  if (!appended) co_return;
  EXPECT_FALSE(appended->duplicate);
  EXPECT_EQ(co_await log.wait_stable(appended->last_offset + 1, runtime::Shard::current()->now() + 5s),
            ErrorCode::none);
}

// What a client does that did not see the answer to the batch before `producer`, which stands at `offset`.
Task<void> expect_duplicate(Log& log, Producer producer, std::string text, Offset offset) {
  producer.sequence -= 1;
  const auto repeated = co_await append_texts(log, {std::move(text)}, LeaderEpoch(0), &producer);
  EXPECT_TRUE(repeated.has_value()) << (repeated ? "" : repeated.error().message);
  if (!repeated) co_return;
  EXPECT_TRUE(repeated->duplicate) << "it is there a second time at " << to_string(repeated->base_offset);
  EXPECT_EQ(repeated->base_offset, offset);
}

// The first start finds the hole and journals that it goes on behind it; the second has no checkpoint that says so.
TEST(StoreProducers, AreKnownAfterASecondStartOverAHoleInTheJournal) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    // Whether the scan finds it, or the loading of what the scan left unread.
    for (const uint64_t scan_payload_max : {uint64_t{64} << 10, uint64_t{0}}) {
      OneNode at;
      StoreOptions options = small_options();
      options.journal_scan_payload_max = scan_payload_max;
      Producer producer{.id = 5};
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node, options);
        auto log = co_await open->store->create(partition(0), {});
        co_await append_of(**log, producer, text_of(0, 6000));
        EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
        for (int i = 1; i < 4; ++i) co_await append_of(**log, producer, text_of(i, 6000));
        for (int i = 4; i < 8; ++i) EXPECT_EQ(co_await publish(**log, {text_of(i, 6000)}), ErrorCode::none);
        // The mark that says what was acknowledged is behind the damage.
        co_await runtime::sleep_for(3s);
      });
      bool damaged = false;
      for (const std::string& path : at.node.disk().files()) {
        const auto contents = at.node.disk().contents(path);
        if (!contents || path.find("/journal/") == std::string::npos) continue;
        const size_t found = as_text(*contents).find(text_of(4, 6000));
        if (found != std::string::npos) damaged |= at.node.disk().flip_bit(path, found + 3000, 1);
      }
      EXPECT_TRUE(damaged);
      for (int life = 0; life < 3; ++life) {
        SCOPED_TRACE("life " + std::to_string(life));
        at.node.crash(kind);
        at.node.restart();
        run(at.node, [&](Runtime&) -> Task<void> {
          auto open = co_await opened_store(at.node, options);
          Log* log = open->store->find(partition(0));
          EXPECT_EQ(log->damages().size(), 1u);
          EXPECT_EQ(log->end(), Offset(8));
          co_await expect_duplicate(*log, Producer{.id = 5, .sequence = 2}, text_of(1, 6000), Offset(1));
          co_await expect_duplicate(*log, producer, text_of(3, 6000), Offset(3));
        });
      }
      at.node.crash(kind);
      at.node.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node, options);
        co_await append_of(*open->store->find(partition(0)), producer, "next");
      });
    }
  }
}

// No descriptor to look with says nothing of the records: whoever asks again is told of them.
TEST(StoreProducers, WhatCannotBeReadForNowIsNotTakenForUnknown) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    OneNode at;
    LogConfig config;
    config.segment_bytes = 50'000;
    Producer producer{.id = 5};
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      auto log = co_await open->store->create(partition(0), config);
      for (int i = 0; i < 3; ++i) co_await append_of(**log, producer, text_of(i, 3000));
      for (int i = 0; i < 20; ++i) EXPECT_EQ(co_await publish(**log, {text_of(i, 3000)}), ErrorCode::none);
      // More than are kept of it, and all of those are cut off.
      Producer later = producer;
      for (int i = 0; i < 8; ++i) co_await append_of(**log, later, "later");
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      EXPECT_TRUE((co_await (*log)->truncate(Offset(20))).has_value());
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    });
    at.node.crash(kind);
    at.node.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log* log = open->store->find(partition(0));
      at.node.disk().fail_randomly({.kinds = {runtime::sim::OpKind::open}, .path = ".log"}, ErrorKind::limit,
                                   1, 1);
      Producer again = producer;
      again.sequence -= 1;
      const auto refused = co_await append_texts(*log, {text_of(2, 3000)}, LeaderEpoch(0), &again);
      EXPECT_TRUE(!refused && refused.error().code == ErrorCode::kafka_storage_error);
      EXPECT_EQ(log->end(), Offset(20));
      EXPECT_THAT(log->damages(), IsEmpty());
      at.node.disk().clear_faults();
      co_await expect_duplicate(*log, producer, text_of(2, 3000), Offset(2));
      co_await append_of(*log, producer, "next");
    });
  }
}

// What the journal lost nobody saw here until it is put back, and where this broker leads later producers go on from it.
TEST(StoreProducers, WhatARepairPutsBackIsKnownOfThem) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    // Whether a crash comes between the repair and the next publish.
    for (const bool restart : {false, true}) {
      OneNode at;
      Producer producer{.id = 5};
      Bytes good;
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        auto log = co_await open->store->create(partition(0), {});
        for (int i = 0; i < 6; ++i) co_await append_of(**log, producer, text_of(i, 3000));
        good = (co_await (*log)->read({.from = Offset(2), .end = Offset(6)}))->batches.flatten();
        co_await runtime::sleep_for(3s);
      });
      bool damaged = false;
      for (const std::string& path : at.node.disk().files()) {
        const auto contents = at.node.disk().contents(path);
        const size_t found = contents ? as_text(*contents).find("<2>") : std::string::npos;
        if (found != std::string::npos) damaged |= at.node.disk().flip_bit(path, found + 9, 2);
      }
      EXPECT_TRUE(damaged);
      at.node.crash(kind);
      at.node.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        Log* log = open->store->find(partition(0));
        EXPECT_EQ(log->damages().size(), 1u);
        // A follower until then.
        Producer other{.id = 6};
        Bytes batch = batch_of({"of another"}, other);
        stamp(batch, Offset(6), LeaderEpoch(0));
        EXPECT_TRUE(
            (co_await log->append_replicated(batch, WallTime{1000}, runtime::Shard::current()->now() + 5s))
                .has_value());
        EXPECT_TRUE(co_await put_back(*log, good, 2, 6));
        if (restart) co_return;
        co_await expect_duplicate(*log, Producer{.id = 5, .sequence = 3}, text_of(2, 3000), Offset(2));
        co_await expect_duplicate(*log, producer, text_of(5, 3000), Offset(5));
        co_await append_of(*log, producer, "next");
      });
      if (restart) {
        at.node.crash(kind);
        at.node.restart();
        run(at.node, [&](Runtime&) -> Task<void> {
          auto open = co_await opened_store(at.node);
          Log* log = open->store->find(partition(0));
          co_await expect_duplicate(*log, Producer{.id = 5, .sequence = 3}, text_of(2, 3000), Offset(2));
          co_await expect_duplicate(*log, producer, text_of(5, 3000), Offset(5));
          co_await append_of(*log, producer, "next");
          EXPECT_EQ(log->end(), Offset(8));
        });
      }
    }
  }
}

// What rotted in its file was admitted here once: nothing is read for it, which may take long.
TEST(StoreProducers, ARepairOfWhatWasSeenHereAsksNoneOfThemToWait) {
  OneNode at;
  Producer producer{.id = 5};
  Bytes good;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    auto log = co_await open->store->create(partition(0), {});
    for (int i = 0; i < 10; ++i) co_await append_of(**log, producer, text_of(i, 3000));
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    good = (co_await (*log)->read({.from = Offset(6), .end = Offset(7)}))->batches.flatten();
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  at.restart();
  EXPECT_TRUE(rot_record(at.node.disk(), 6));
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    EXPECT_EQ((co_await read_texts(*log, Offset(0), 10'000)).size(), 7u);
    EXPECT_TRUE(co_await put_back(*log, good, 6, 7));
    EXPECT_THAT(log->damages(), IsEmpty());
    at.node.disk().stall({.kinds = {runtime::sim::OpKind::read}, .path = ".log"});
    co_await expect_duplicate(*log, producer, text_of(9, 3000), Offset(9));
    co_await append_of(*log, producer, "next");
    at.node.disk().release();
  });
}

// Deletion of records takes no turn.
TEST(StoreRepair, StartsAgainWhenASegmentIsDeletedWhileTheRepairedFileIsWritten) {
  OneNode at;
  LogConfig config;
  config.segment_bytes = 8000;
  config.file_delete_delay_ms = 0;
  Bytes good;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    good = co_await filled(*open->store, 5, 7, config);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  at.restart();
  // The last of one segment and the first of the next.
  EXPECT_TRUE(rot_record(at.node.disk(), 5) && rot_record(at.node.disk(), 6));
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log& log = *open->store->find(partition(0));
    log.set_high_watermark(Offset(40));
    (void)co_await read_texts(log, Offset(0), 10'000);
    (void)co_await read_texts(log, Offset(6), 10'000);
    EXPECT_EQ(log.stats().segments, 20u);
    const auto damages = log.damages();
    EXPECT_TRUE(damages.size() == 1 && damages[0].from == Offset(5) && damages[0].to == Offset(7));
    at.node.disk().stall({.kinds = {runtime::sim::OpKind::write}, .path = ".log"});
    auto gate = std::make_shared<runtime::Gate>();
    at.node.keep(gate);
    bool repaired = false;
    (void)gate->spawn(*runtime::Shard::current(), [](Log& l, const Bytes& bytes, bool& done) -> Task<void> {
      const auto answer = co_await l.repair(bytes, Offset(5), Offset(7));
      EXPECT_TRUE(answer.has_value()) << (answer ? "" : answer.error().message);
      done = true;
    }(log, good, repaired));
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE((co_await log.delete_before(Offset(6))).has_value());
    at.node.disk().release();
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE(repaired);
    EXPECT_THAT(log.damages(), IsEmpty());
    EXPECT_EQ(log.stats().segments, 17u);
    EXPECT_EQ(
        std::ranges::count_if(at.node.disk().files(), [](const auto& f) { return f.ends_with(".log"); }), 17)
        << "what was begun first is removed";
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    const auto texts = co_await read_texts(*open->store->find(partition(0)), Offset(6), 10'000);
    EXPECT_EQ(texts.size(), 34u);
    if (!texts.empty()) EXPECT_EQ(texts[0], "6=" + text_of(6, 3000));
    EXPECT_THAT(co_await open->store->damages(), IsEmpty());
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
