// Repair of compacted logs: both replicas have gaps, not always the same, and what was deleted stays so.
#include <gmock/gmock.h>

#include "base/check.h"
#include "storage/compaction_testing.h"
#include "storage/log_shard.h"
#include "storage/rebuild_facts.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::World;
using testing::ElementsAre;
using testing::IsEmpty;

// A value that can be found on the disk by its name.
std::string marked(const std::string& name) {
  return wide("<" + name + ">");
}

// Flips a bit of that value wherever a file of that kind has it.
void rot(Node& node, const std::string& name, std::string_view ending = ".log") {
  bool found = false;
  for (const std::string& path : node.disk().files()) {
    const auto bytes = node.disk().contents(path);
    if (!path.ends_with(ending) || !bytes) continue;
    const size_t at = as_text(*bytes).find("<" + name + ">");
    if (at != std::string_view::npos) found = node.disk().flip_bit(path, at + 100, 2) || found;
  }
  EXPECT_TRUE(found) << name;
}

LogConfig config() {
  LogConfig config = compacted_config();
  config.segment_bytes = 1 << 20;
  return config;
}

StoreOptions options() {
  StoreOptions options = small_options();
  options.compaction_interval = 100'000s;
  return options;
}

// What a replica answers who is asked from `from` on, up to the batches that begin before `to`.
Task<Bytes> batches_of(Log& log, int from, int to) {
  Bytes all;
  for (Offset at(from); at < Offset(to);) {
    const auto part = co_await log.read({.from = at, .bytes_max = 1, .end = Offset(to)});
    GW_CHECK(part.has_value(), "the replica can be read");
    if (part->batches.empty()) break;
    const Bytes bytes = part->batches.flatten();
    all.insert(all.end(), bytes.begin(), bytes.end());
    at = part->next;
  }
  co_return all;
}

struct Range {
  int from;
  int to;
  friend bool operator==(const Range&, const Range&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Range& range) {
    return out << "[" << range.from << ", " << range.to << ")";
  }
};
std::vector<Range> damages_of(const Log& log) {
  std::vector<Range> all;
  for (const auto& damage : log.damages())
    all.push_back({static_cast<int>(damage.from.value()), static_cast<int>(damage.to.value())});
  return all;
}

// a0 b0 a1 b1 c0, sealed; compacted: a1 b1 c0 behind a gap.
Task<Log*> five(Store& store, bool compacted) {
  Log& log = **co_await store.create(partition(0), config());
  for (const char* name : {"a0", "b0", "a1", "b1", "c0"})
    (void)co_await put(log, {{std::string(1, name[0]), marked(name)}});
  if (compacted) {
    co_await compact(store, log);
  } else {
    EXPECT_TRUE((co_await log.roll()).has_value());
    EXPECT_TRUE((co_await store.checkpoint()).has_value());
    log.set_high_watermark(log.end());
  }
  co_return &log;
}

struct Repaired {
  bool compacted = true;                   // this replica
  std::vector<std::string> rotten;         // records of it
  std::vector<Range> damages;              // that a reader finds
  bool replica_compacted = true;           // the other one
  Range asked;                             // of it
  std::vector<Range> left = {};            // of the damages
  std::vector<std::string> contents = {};  // read in the end, when nothing is left
};

void repair_from_a_replica(const Repaired& scenario) {
  World world(1);
  Node& node = world.add_node("a");
  Node& replica = world.add_node("b");
  Bytes good;
  run(replica, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(replica, options());
    Log& log = *co_await five(*open->store, scenario.replica_compacted);
    good = co_await batches_of(log, scenario.asked.from, scenario.asked.to);
  });
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    (void)co_await five(*open->store, scenario.compacted);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  node.crash(CrashKind::power_cut);
  node.restart();
  for (const std::string& name : scenario.rotten) rot(node, name);
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *open->store->find(partition(0));
    for (Offset at = log.start(); at < log.end(); ++at)
      (void)co_await log.read({.from = at, .bytes_max = 1, .end = log.end()});
    EXPECT_EQ(damages_of(log), scenario.damages);
    const auto done = co_await log.repair(good, Offset(scenario.asked.from), Offset(scenario.asked.to));
    EXPECT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(damages_of(log), scenario.left);
    if (scenario.left.empty()) EXPECT_EQ(co_await contents(log), scenario.contents);
  });
  // From the journal, then from the checkpoint.
  for (int life = 0; life < 2; ++life) {
    node.crash(CrashKind::power_cut);
    node.restart();
    run(node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(node, options());
      Log& log = *open->store->find(partition(0));
      EXPECT_EQ(damages_of(log), scenario.left);
      EXPECT_EQ(log.end(), Offset(5));
      if (scenario.left.empty()) EXPECT_EQ(co_await contents(log), scenario.contents);
      EXPECT_TRUE((co_await open->store->close()).has_value());
    });
  }
}

TEST(CompactionRepair, ABatchBehindAGapIsPutBackFromAnEquallyCompactedReplica) {
  const std::vector<std::string> all{"2:a=<a1>", "3:b=<b1>", "4:c=<c0>"};
  repair_from_a_replica({.rotten = {"a1"}, .damages = {{0, 3}}, .asked = {0, 3}, .contents = all});
  repair_from_a_replica(
      {.rotten = {"a1", "b1", "c0"}, .damages = {{0, 5}}, .asked = {0, 5}, .contents = all});
  repair_from_a_replica({.rotten = {"a1", "b1"}, .damages = {{0, 4}}, .asked = {0, 3}, .left = {{3, 4}}});
}

TEST(CompactionRepair, WhatTheReplicaHasCompactedAwayIsAGap) {
  repair_from_a_replica({.compacted = false,
                         .rotten = {"b0"},
                         .damages = {{1, 2}},
                         .asked = {1, 2},
                         .contents = {"0:a=<a0>", "2:a=<a1>", "3:b=<b1>", "4:c=<c0>"}});
  repair_from_a_replica({.compacted = false,
                         .rotten = {"b0", "a1"},
                         .damages = {{1, 3}},
                         .asked = {1, 3},
                         .contents = {"0:a=<a0>", "2:a=<a1>", "3:b=<b1>", "4:c=<c0>"}});
  repair_from_a_replica(
      {.compacted = false, .rotten = {"a0", "b0"}, .damages = {{0, 2}}, .asked = {0, 1}, .left = {{1, 2}}});
}

TEST(CompactionRepair, WhatAReplicaThatWasNotCompactedStillHasIsTaken) {
  repair_from_a_replica({.rotten = {"a1"},
                         .damages = {{0, 3}},
                         .replica_compacted = false,
                         .asked = {0, 3},
                         .contents = {"0:a=<a0>", "1:b=<b0>", "2:a=<a1>", "3:b=<b1>", "4:c=<c0>"}});
}

TEST(CompactionRepair, WhereALogIsNotCompactedEachRecordIsNeeded) {
  World world(1);
  Node& node = world.add_node("a");
  std::vector<Bytes> good;
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = **co_await open->store->create(partition(0), {});
    for (int i = 0; i < 5; ++i) (void)co_await put(log, {{"k", marked(std::to_string(i))}});
    for (int i = 0; i < 5; ++i) good.push_back(co_await batches_of(log, i, i + 1));
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  node.crash(CrashKind::power_cut);
  node.restart();
  rot(node, "2");
  rot(node, "3");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *open->store->find(partition(0));
    for (int i = 0; i < 5; ++i)
      (void)co_await log.read({.from = Offset(i), .bytes_max = 1, .end = log.end()});
    const std::vector<Range> both{{2, 4}};
    EXPECT_EQ(damages_of(log), both);
    EXPECT_TRUE((co_await log.repair({}, Offset(2), Offset(4))).has_value());
    EXPECT_EQ(damages_of(log), both);
    const auto late = co_await log.repair(good[3], Offset(2), Offset(4));
    EXPECT_TRUE(!late && late.error().code == ErrorCode::offset_out_of_range);
    EXPECT_EQ(damages_of(log), both);
    EXPECT_TRUE((co_await log.repair(good[2], Offset(2), Offset(4))).has_value());
    EXPECT_THAT(damages_of(log), ElementsAre(Range{3, 4}));
    EXPECT_TRUE((co_await log.repair(good[3], Offset(3), Offset(4))).has_value());
    EXPECT_EQ((co_await contents(log)).size(), 5U);
  });
}

// Other replicas have deleted it too.
TEST(CompactionRepair, ADamageWhoseBeginningIsDeletedIsPutBackFromTheLogsStartOn) {
  World world(1);
  Node& node = world.add_node("a");
  Bytes good;
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *co_await five(*open->store, false);
    good = co_await batches_of(log, 2, 3);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  node.crash(CrashKind::power_cut);
  node.restart();
  rot(node, "b0");
  rot(node, "a1");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *open->store->find(partition(0));
    (void)co_await contents(log);
    EXPECT_THAT(damages_of(log), ElementsAre(Range{1, 3}));
    log.set_high_watermark(log.end());
    EXPECT_TRUE((co_await log.delete_before(Offset(2))).has_value());
    EXPECT_THAT(damages_of(log), ElementsAre(Range{2, 3}));
    EXPECT_TRUE((co_await log.repair(good, Offset(2), Offset(3))).has_value());
    EXPECT_THAT(co_await contents(log), ElementsAre("2:a=<a1>", "3:b=<b1>", "4:c=<c0>"));
  });
}

// They are gaps in the file that was written anew; no read would notice them.
TEST(CompactionRepair, WhatIsLeftDamagedInARewrittenSegmentIsKnownAfterAPowerCutAndPutBackLater) {
  World world(1);
  Node& node = world.add_node("a");
  std::vector<Bytes> good;
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = **co_await open->store->create(partition(0), {});
    for (int i = 0; i < 6; ++i) (void)co_await put(log, {{"k", marked(std::to_string(i))}});
    for (int i = 0; i < 6; ++i) good.push_back(co_await batches_of(log, i, i + 1));
    EXPECT_TRUE((co_await log.roll()).has_value());
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  std::vector<int> damaged{1, 3, 5};
  for (const int i : damaged) rot(node, std::to_string(i));
  for (const int next : {3, 1, 5}) {
    node.crash(CrashKind::power_cut);
    node.restart();
    run(node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(node, options());
      Log& log = *open->store->find(partition(0));
      for (int i = 0; next == 3 && i < 6; ++i)
        (void)co_await log.read({.from = Offset(i), .bytes_max = 1, .end = log.end()});
      std::vector<Range> expected;
      for (const int i : damaged) expected.push_back({i, i + 1});
      EXPECT_EQ(damages_of(log), expected);
      const Bytes& bytes = good[static_cast<size_t>(next)];
      EXPECT_TRUE((co_await log.repair(bytes, Offset(next), Offset(next + 1))).has_value());
      std::erase(damaged, next);
      EXPECT_EQ(damages_of(log).size(), damaged.size());
    });
  }
  node.crash(CrashKind::power_cut);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *open->store->find(partition(0));
    EXPECT_EQ((co_await contents(log)).size(), 6U);
    EXPECT_THAT(co_await open->store->damages(), IsEmpty());
  });
}

TEST(CompactionRepair, ABatchThatEndsBeforeTheRangeIsNotTaken) {
  World world(1);
  Node& node = world.add_node("a");
  Bytes early;
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *co_await five(*open->store, false);
    early = co_await batches_of(log, 0, 1);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  node.crash(CrashKind::power_cut);
  node.restart();
  rot(node, "b1");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *open->store->find(partition(0));
    (void)co_await contents(log);
    const auto refused = co_await log.repair(early, Offset(3), Offset(4));
    EXPECT_TRUE(!refused && refused.error().code == ErrorCode::corrupt_message);
    EXPECT_THAT(damages_of(log), ElementsAre(Range{3, 4}));
  });
}

// It was superseded here by a tombstone, which goes in its time; the record must go with it.
TEST(CompactionRepair, WhatARepairBringsBackIsComparedAgain) {
  World world(1);
  Node& node = world.add_node("a");
  Bytes good;
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = **co_await open->store->create(partition(0), config());
    (void)co_await put(log, {{"k", marked("old")}, {"j", marked("j")}});
    good = co_await batches_of(log, 0, 2);
    (void)co_await put(log, {{"k", std::nullopt}});
    (void)co_await put(log, {{"c", marked("c")}});
    co_await compact(*open->store, log);
    EXPECT_THAT(co_await contents(log), ElementsAre("1:j=<j>", "2:k", "3:c=<c>"));
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  node.crash(CrashKind::power_cut);
  node.restart();
  rot(node, "j");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *open->store->find(partition(0));
    (void)co_await contents(log);
    EXPECT_TRUE((co_await log.repair(good, Offset(0), Offset(2))).has_value());
    EXPECT_THAT(co_await contents(log), ElementsAre("0:k=<old>", "1:j=<j>", "2:k", "3:c=<c>"));
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  node.crash(CrashKind::power_cut);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *open->store->find(partition(0));
    co_await runtime::sleep_for(11s);
    (void)co_await put(log, {{"d", marked("d")}});
    co_await compact(*open->store, log);
    EXPECT_THAT(co_await contents(log), ElementsAre("1:j=<j>", "3:c=<c>", "4:d=<d>"));
  });
}

// a0, k = old, b: of which the journal loses the second before any file has it. Gives what a replica has from there on.
Task<Bytes> lose_a_round(Node& node) {
  auto open = co_await opened_store(node, options());
  Log& log = **co_await open->store->create(partition(0), config());
  (void)co_await put(log, {{"a", marked("a0")}});
  (void)co_await put(log, {{"k", marked("old")}});
  (void)co_await put(log, {{"b", marked("b")}});
  const Bytes good = co_await batches_of(log, 1, 3);
  co_await runtime::sleep_for(3s);
  rot(node, "old", "");
  co_return good;
}

// A replica gives the range when the tombstone behind it has had its time.
TEST(CompactionRepair, ATombstoneStaysUntilWhatIsDamagedBeforeItWasPutBackAndCompared) {
  World world(1);
  Node& node = world.add_node("a");
  Bytes good;
  run(node, [&](Runtime&) -> Task<void> { good = co_await lose_a_round(node); });
  node.crash(CrashKind::power_cut);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *open->store->find(partition(0));
    const std::vector<Range> lost = damages_of(log);
    EXPECT_TRUE(lost.size() == 1 && lost[0].from == 1);
    (void)co_await put(log, {{"k", std::nullopt}});
    for (const char* name : {"a1", "a2"}) {
      (void)co_await put(log, {{"a", marked(name)}});
      co_await compact(*open->store, log);
      EXPECT_EQ(damages_of(log), lost) << "compaction goes on, on both sides of it";
      co_await runtime::sleep_for(11s);
    }
    EXPECT_TRUE((co_await log.repair(good, Offset(1), Offset(3))).has_value());
    EXPECT_THAT(co_await contents(log), ElementsAre("1:k=<old>", "2:b=<b>", "3:k", "5:a=<a2>"));
    (void)co_await put(log, {{"a", marked("a3")}});
    co_await compact(*open->store, log);
    EXPECT_THAT(co_await contents(log), ElementsAre("2:b=<b>", "3:k", "6:a=<a3>"));
    co_await runtime::sleep_for(11s);
    (void)co_await put(log, {{"a", marked("a4")}});
    co_await compact(*open->store, log);
    EXPECT_THAT(co_await contents(log), ElementsAre("2:b=<b>", "7:a=<a4>"));
  });
}

// A pass works with what it read before; a repair may take its turn meanwhile.
TEST(CompactionRepair, ACompactionThatARepairOvertakesChangesNothing) {
  World world(1);
  Node& node = world.add_node("a");
  Bytes good;
  run(node, [&](Runtime&) -> Task<void> { good = co_await lose_a_round(node); });
  node.crash(CrashKind::power_cut);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options());
    Log& log = *open->store->find(partition(0));
    (void)co_await put(log, {{"k", marked("new")}});
    EXPECT_TRUE((co_await log.roll()).has_value());
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    log.set_high_watermark(log.end());
    auto& internal = static_cast<PartitionLog&>(log);
    const uint64_t repairs = internal.repairs();
    // What a pass would do that began now, and kept nothing of the first segment.
    const std::vector<SegmentState> old{internal.state().segments.front()};
    EXPECT_EQ(old[0].next, Offset(1));
    EXPECT_TRUE((co_await log.repair(good, Offset(1), Offset(3))).has_value());
    SwapSegments swap{.head = {}, .removed = {old[0].id}, .added = {}, .cleaned_to = Offset(4)};
    EXPECT_TRUE((co_await internal.swap_segments(std::move(swap), old, repairs)).has_value());
    EXPECT_EQ(internal.state().cleaned_to, Offset(0));
    EXPECT_THAT(co_await contents(log), ElementsAre("0:a=<a0>", "1:k=<old>", "2:b=<b>", "3:k=<new>"));
    co_await compact(*open->store, log);
    EXPECT_THAT(co_await contents(log), ElementsAre("0:a=<a0>", "2:b=<b>", "3:k=<new>"));
  });
}

TEST(CompactionRepair, ARebuildWithoutACheckpointKnowsHowFarALogWasCompared) {
  CreateLog create{.head = {}, .file = FileId(1), .start = Offset(0), .config = {}};
  create.head.version = 1;
  create.head.incarnation = FileId(1);
  LogState state = created(create);
  LogFacts facts;
  facts.apply(create);
  uint64_t version = 1;
  const auto apply = [&](StructureRecord record) {
    head_of(record) = create.head;
    head_of(record).version = ++version;
    (void)apply_record(state, record);
    facts.apply(record);
    EXPECT_EQ(facts.cleaned_to, state.cleaned_to);
  };
  apply(SwapSegments{.head = {}, .removed = {}, .added = {}, .cleaned_to = Offset(20)});
  EXPECT_EQ(state.cleaned_to, Offset(20));
  apply(
      RepairRange{.head = {}, .from = Offset(30), .to = Offset(40), .removed = {}, .added = {}, .left = {}});
  EXPECT_EQ(state.cleaned_to, Offset(20));
  apply(RepairRange{.head = {}, .from = Offset(7), .to = Offset(9), .removed = {}, .added = {}, .left = {}});
  EXPECT_EQ(state.cleaned_to, Offset(7));
}

// Nobody here saw it before, and who looks for its producer in the records must find it.
TEST(CompactionRepair, TheLastBatchOfAProducerThatWasPutBackStays) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    World world(1);
    Node& node = world.add_node("a");
    Bytes good;
    run(node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(node, options());
      Log& log = **co_await open->store->create(partition(0), config());
      (void)co_await put(log, {{"a", marked("a0")}}, {.id = 5});
      (void)co_await put(log, {{"b", marked("b0")}}, {.id = 5, .sequence = 1});
      (void)co_await put(log, {{"b", marked("b1")}});
      (void)co_await put(log, {{"c", marked("c0")}});
      good = co_await batches_of(log, 1, 4);
      co_await runtime::sleep_for(3s);
    });
    rot(node, "b0", "");
    node.crash(kind);
    node.restart();
    run(node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(node, options());
      Log& log = *open->store->find(partition(0));
      EXPECT_THAT(damages_of(log), ElementsAre(Range{1, 4}));
      EXPECT_TRUE((co_await log.repair(good, Offset(1), Offset(4))).has_value());
      (void)co_await put(log, {{"d", marked("d0")}});
      co_await compact(*open->store, log);
      EXPECT_THAT(co_await contents(log), ElementsAre("0:a=<a0>", "2:b=<b1>", "3:c=<c0>", "4:d=<d0>"));
      const auto repeated = co_await put(log, {{"b", marked("b0")}}, {.id = 5, .sequence = 1});
      EXPECT_TRUE(repeated && repeated->duplicate && repeated->base_offset == Offset(1));
      const auto next = co_await put(log, {{"e", marked("e0")}}, {.id = 5, .sequence = 2});
      EXPECT_TRUE(next.has_value()) << (next ? "" : next.error().message);
    });
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
