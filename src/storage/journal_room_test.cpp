#include "storage/journal_room.h"

#include <gtest/gtest.h>

#include "storage/journal/round.h"
#include "storage/structure_record.h"

namespace godwit::storage {
namespace {

// What has to fit below each mark, for every size that can be configured and more shards than machines have.
TEST(JournalRoom, HasRoomForAllThatEmptiesAJournalHoweverManyShardsThereAre) {
  for (const size_t files : {2, 3, 4, 7, 64}) {
    for (const uint64_t file_mib : {4, 5, 16, 128, 1000, 4096}) {
      for (const size_t shards : {1, 2, 3, 6, 8, 16, 64, 256}) {
        SCOPED_TRACE(std::to_string(files) + " files of " + std::to_string(file_mib) + " MiB, " +
                     std::to_string(shards) + " shards");
        const JournalPlan plan = plan_journal(file_mib << 20, files, shards);
        const uint64_t round = journal::round_up(plan.round_bytes_max + journal::kHeaderBytes);
        EXPECT_GE(plan.file_bytes, file_mib << 20);
        // What every shard carries, what is left of a file, and a round's blocks for each.
        EXPECT_GE(plan.structure_floor,
                  plan.carried_bytes_max * shards + round + 2 * journal::kBlock * shards);
        EXPECT_GE(plan.carried_bytes_max, 2 * journal::kBlock);
        EXPECT_LT(plan.structure_floor, plan.internal_floor);
        EXPECT_LT(plan.internal_floor, plan.publish_floor);
        // A batch as large as brokers take by default is admitted where nothing else is needed but what was carried.
        const uint64_t others = plan.capacity - plan.file_bytes;
        EXPECT_LE(
            JournalRoom::charge(plan.batch_bytes_max) + plan.publish_floor + plan.carried_bytes_max * shards,
            others);
        EXPECT_GE(plan.batch_bytes_max, 1'048'588U);
      }
    }
  }
}

// What is held for the seal of a file is more than the record takes, however large its numbers.
TEST(JournalRoom, HoldsEnoughForASeal) {
  RollSegment roll{.head = {.topic = {},
                            .partition = PartitionIndex(INT32_MAX),
                            .incarnation = FileId(UINT64_MAX),
                            .version = UINT64_MAX,
                            .end = Offset(INT64_MAX)},
                   .file = FileId(UINT64_MAX),
                   .sealed_end = Position(UINT64_MAX)};
  JournalEntry entry;
  entry.meta = encode_record(StructureRecord(roll));
  // A part of each round is not used: its header, and what its last block does not hold.
  EXPECT_LE(entry.bytes() * 3 / 2, JournalRoom::kSealBytes);
}

// A start finds publish_floor free at least. What a larger journal, or fewer shards, left to be sealed is reserved besides
// (StoreRoom.AStartWithASmallerJournal…).
TEST(JournalRoom, HasRoomForAllSealsThatItLetLogsHold) {
  for (const size_t files : {2, 4, 64}) {
    for (const size_t shards : {1, 2, 8, 64}) {
      const JournalPlan plan = plan_journal(4 << 20, files, shards);
      const uint64_t lost = plan.structure_floor - plan.carried_bytes_max * shards;
      EXPECT_GE(plan.publish_floor, lost + 2 * plan.carried_bytes_max * shards);
      EXPECT_GE(2 * plan.carried_bytes_max, 64 * JournalRoom::kSealBytes);
    }
  }
}

}  // namespace
}  // namespace godwit::storage
