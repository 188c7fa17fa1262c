// Which rounds count: the table of docs/formats/journal.md, row by row, without a disk.
#include "storage/journal/resolve.h"

#include <gtest/gtest.h>

namespace godwit::storage::journal {
namespace {

Sequence at(uint64_t value) {
  return Sequence(value);
}

// Round `n` of a process that began with `start` after `follows`; everything before it is synced.
SeenRound round(uint64_t n, uint64_t start = 1, uint64_t follows = 0) {
  return {at(n), at(n - 1), at(start), at(follows), true};
}
SeenRound broken(SeenRound r) {
  r.intact = false;
  return r;
}
SeenRound marked(SeenRound r, uint64_t synced) {
  r.synced = at(synced);
  return r;
}

struct Told {
  std::vector<uint64_t> delivered;
  std::vector<std::pair<uint64_t, uint64_t>> damage;
  uint64_t next = 0;
};

Told resolved(std::vector<SeenRound> rounds, uint64_t released = 0, uint64_t unreadable = 0) {
  const Resolution r = resolve(rounds, at(released), unreadable);
  Told told;
  for (const size_t index : r.deliver) told.delivered.push_back(rounds[index].sequence.value());
  for (const Hole& hole : r.damage) told.damage.emplace_back(hole.first.value(), hole.last.value());
  told.next = r.next.value();
  return told;
}

using Numbers = std::vector<uint64_t>;
using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

TEST(JournalResolve, AnEmptyJournalBeginsWithOne) {
  EXPECT_EQ(resolved({}).next, 1u);
  EXPECT_EQ(resolved({}, 41).next, 42u);
}

TEST(JournalResolve, RoundsAreDeliveredInOrderWhereverTheyStand) {
  const Told told = resolved({round(3), round(1), round(2)});
  EXPECT_EQ(told.delivered, (Numbers{1, 2, 3}));
  EXPECT_TRUE(told.damage.empty());
  EXPECT_EQ(told.next, 4u);
}

TEST(JournalResolve, ReleasedRoundsAreNeitherDeliveredNorMissed) {
  const Told told = resolved({round(2), round(7), round(8)}, 6);
  EXPECT_EQ(told.delivered, (Numbers{7, 8}));
  EXPECT_TRUE(told.damage.empty());
}

TEST(JournalResolve, ATornLastRoundIsCutOffAndItsNumberIsNotUsedAgain) {
  const Told told = resolved({round(1), round(2), broken(round(3))});
  EXPECT_EQ(told.delivered, (Numbers{1, 2}));
  EXPECT_TRUE(told.damage.empty());
  EXPECT_EQ(told.next, 4u);
}

TEST(JournalResolve, AHoleAtOrBelowTheMarkIsDamage) {
  const Told told = resolved({round(1), broken(round(2)), round(4), round(5)});
  EXPECT_EQ(told.delivered, (Numbers{1, 4, 5}));
  EXPECT_EQ(told.damage, (Ranges{{2, 3}}));
}

TEST(JournalResolve, TheFirstRoundsMissingIsDamageUnlessReleased) {
  EXPECT_EQ(resolved({round(3), round(4)}).damage, (Ranges{{1, 2}}));
  EXPECT_EQ(resolved({round(3), round(4)}, 1).damage, (Ranges{{2, 2}}));
  EXPECT_TRUE(resolved({round(3), round(4)}, 2).damage.empty());
}

TEST(JournalResolve, AGapThatAStartLeftIsNoHole) {
  // 3 was torn; the next process began with 4 after 2.
  const Told told = resolved({round(1), round(2), broken(round(3)), round(4, 4, 2), round(5, 4, 2)});
  EXPECT_EQ(told.delivered, (Numbers{1, 2, 4, 5}));
  EXPECT_TRUE(told.damage.empty());
}

TEST(JournalResolve, ARoundThatAnEarlierStartCutOffStaysAway) {
  // 3 was unreadable when 4 began after 2, and can be read again.
  const Told told = resolved({round(1), round(2), round(3), round(4, 4, 2)});
  EXPECT_EQ(told.delivered, (Numbers{1, 2, 4}));
  // Also when the first round of that start is the one that is lost.
  const Told lost = resolved({round(1), round(2), round(3), round(5, 4, 2)});
  EXPECT_EQ(lost.delivered, (Numbers{1, 2, 5}));
  EXPECT_EQ(lost.damage, (Ranges{{4, 4}}));
}

TEST(JournalResolve, ATornFirstRoundOfAStartStillSaysWhatItFollows) {
  const Told told = resolved({round(1), round(2), round(3), broken(round(4, 4, 2))});
  EXPECT_EQ(told.delivered, (Numbers{1, 2}));
  EXPECT_EQ(told.next, 5u);
}

TEST(JournalResolve, BehindAHoleAboveTheMarkNothingCounts) {
  // A buffered journal after a power cut: 2 is synced, 4 was lost, 5 was not.
  const Told told =
      resolved({marked(round(1), 0), marked(round(2), 0), marked(round(3), 2), marked(round(5), 2)});
  EXPECT_EQ(told.delivered, (Numbers{1, 2, 3}));
  EXPECT_TRUE(told.damage.empty());
  EXPECT_EQ(told.next, 6u);
}

TEST(JournalResolve, AHoleAcrossTheMarkIsDamageBelowAndACutAbove) {
  const Told told = resolved({marked(round(1), 0), marked(round(6), 3)});
  EXPECT_EQ(told.delivered, (Numbers{1}));
  EXPECT_EQ(told.damage, (Ranges{{2, 3}}));
}

TEST(JournalResolve, UnreadableBlocksMayHideNumbers) {
  EXPECT_EQ(resolved({round(1)}, 0, 3).next, 5u);
}

TEST(JournalResolve, AMissingEndOfAnEarlierProcessIsDamage) {
  const Told told = resolved({round(1), round(4, 4, 3), round(5, 4, 3)});
  EXPECT_EQ(told.delivered, (Numbers{1, 4, 5}));
  EXPECT_EQ(told.damage, (Ranges{{2, 3}}));
}

TEST(JournalResolve, HugeGapsTakeNoTime) {
  const Told told = resolved({round(1), marked(round(uint64_t{1} << 61, uint64_t{1} << 60, 1000), 5000)});
  EXPECT_EQ(told.delivered, (Numbers{1}));
  EXPECT_EQ(told.damage, (Ranges{{2, 1000}}));
}

}  // namespace
}  // namespace godwit::storage::journal
