#include "storage/tail.h"

#include <gtest/gtest.h>

#include <random>

namespace godwit::storage {
namespace {

Bytes pattern(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (auto& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

TEST(Tail, GivesBackWhatWasAppendedAcrossBlocks) {
  Tail tail(Arena::create(8 << 20), Position(8192));
  Bytes all;
  for (unsigned i = 0; i < 200; ++i) {
    const Bytes piece = pattern(1 + i * 37, i);
    ASSERT_TRUE(tail.reserve(piece.size()));
    tail.append(piece);
    all.insert(all.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(tail.end() - Position(8192), all.size());
  EXPECT_EQ(tail.pin(Position(8192), tail.end()).flatten(), all);
  Bytes part(1000);
  tail.copy(Position(8192 + 4090), part);
  EXPECT_TRUE(equal(part, BytesView(all).subspan(4090, 1000)));
}

TEST(Tail, FileAndMemoryAreAlignedAlike) {
  Tail tail(Arena::create(8 << 20), Position(4096));
  ASSERT_TRUE(tail.reserve(300000));
  tail.append(pattern(300000, 1));
  Position at(4096);
  for (const BytesView view : tail.view(at, tail.end())) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(view.data()) % 4096, at.value() % 4096);
    at += view.size();
  }
}

TEST(Tail, ChangesNothingWhenTheArenaIsFull) {
  Tail tail(Arena::create(kBlockMax), Position(0));
  ASSERT_TRUE(tail.reserve(1000));
  tail.append(pattern(1000, 1));
  const size_t before = tail.memory();
  EXPECT_FALSE(tail.reserve(2 << 20));
  EXPECT_EQ(tail.memory(), before);
  EXPECT_TRUE(tail.reserve(1000));
}

TEST(Tail, DropsOnlyWholeBlocksThatAreWritten) {
  Tail tail(Arena::create(8 << 20), Position(0));
  const Bytes all = pattern(100000, 2);
  ASSERT_TRUE(tail.reserve(all.size()));
  tail.append(all);
  EXPECT_EQ(tail.drop_written(1 << 20), 0u);
  tail.set_written(Position(98304));
  SharedBytes pinned = tail.pin(Position(0), Position(10)).parts()[0];
  tail.drop_written(1 << 20);
  EXPECT_LE(tail.first(), Position(98304));
  EXPECT_TRUE(equal(pinned.view(), BytesView(all).first(10)));
  EXPECT_TRUE(equal(tail.pin(Position(98304), tail.end()).flatten(), BytesView(all).subspan(98304)));
}

TEST(Tail, AnIdleOneShrinksToTheBlocksOfItsRemainder) {
  const auto arena = Arena::create(8 << 20);
  Tail tail(arena, Position(0));
  const Bytes all = pattern(500000, 3);
  ASSERT_TRUE(tail.reserve(all.size()));
  tail.append(all);
  tail.set_written(Position(499712));
  ASSERT_TRUE(tail.shrink());
  EXPECT_EQ(tail.memory(), kBlockMin);
  EXPECT_EQ(arena->usage().used, kBlockMin);
  EXPECT_TRUE(equal(tail.pin(tail.first(), tail.end()).flatten(), BytesView(all).subspan(499712)));
  ASSERT_TRUE(tail.reserve(10000));
  tail.append(pattern(10000, 4));
  EXPECT_TRUE(equal(tail.pin(Position(500000), tail.end()).flatten(), pattern(10000, 4)));
}

TEST(Tail, AWrittenOneShrinksToNothingAndGoesOn) {
  Tail tail(Arena::create(8 << 20), Position(0));
  ASSERT_TRUE(tail.reserve(8192));
  tail.append(pattern(8192, 5));
  tail.set_written(Position(8192));
  ASSERT_TRUE(tail.shrink());
  EXPECT_EQ(tail.memory(), 0u);
  EXPECT_EQ(tail.first(), Position(8192));
  ASSERT_TRUE(tail.reserve(10));
  tail.append(pattern(10, 6));
  EXPECT_EQ(tail.first(), Position(8192));
}

TEST(Tail, TakesSmallerBlocksWhereTheArenaHasNoLargeOnes) {
  const auto arena = Arena::create(2 * kBlockMax);
  const auto small = arena->allocate(kBlockMin);
  const auto large = arena->allocate(kBlockMax);
  ASSERT_TRUE(small && large);
  Tail tail(arena, Position(0));
  const Bytes all = pattern(200'000, 8);
  ASSERT_TRUE(tail.reserve(all.size()));
  tail.append(all);
  EXPECT_TRUE(equal(tail.pin(Position(0), tail.end()).flatten(), all));
  EXPECT_FALSE(tail.reserve(100'000)) << "all is taken";
  EXPECT_TRUE(tail.reserve(10'000));
}

TEST(Tail, ItsBlocksStayBelowAMaximumButForWhatFillsThem) {
  const auto arena = Arena::create(8 << 20);
  Tail tail(arena, Position(0));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(tail.reserve(100, kBlockMin));
    tail.append(pattern(100, 1));
    EXPECT_LE(tail.memory(), 100U * (static_cast<size_t>(i) + 1) + kBlockMin);
  }
  const size_t before = tail.memory();
  ASSERT_TRUE(tail.reserve(1 << 20, kBlockMin));
  EXPECT_LE(tail.memory(), before + (1 << 20) + kBlockMax);
}

TEST(Tail, PadsItsLastBlockWithZerosForTheSeal) {
  Tail tail(Arena::create(8 << 20), Position(0));
  ASSERT_TRUE(tail.reserve(5000));
  tail.append(Bytes(5000, std::byte{0xff}));
  EXPECT_EQ(tail.pad(), Position(8192));
  EXPECT_EQ(tail.end(), Position(5000));
  tail.set_written(Position(5000));
  EXPECT_GT(tail.drop_written(1), 0u);
}

TEST(Tail, ACutOneKeepsPinnedRangesReadable) {
  Tail tail(Arena::create(8 << 20), Position(0));
  const Bytes all = pattern(20000, 7);
  ASSERT_TRUE(tail.reserve(all.size()));
  tail.append(all);
  const Chain pinned = tail.pin(Position(10000), Position(20000));
  tail.cut(Position(10000));
  EXPECT_EQ(tail.end(), Position(10000));
  EXPECT_TRUE(equal(pinned.flatten(), BytesView(all).subspan(10000)));
}

}  // namespace
}  // namespace godwit::storage
