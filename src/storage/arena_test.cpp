#include "storage/arena.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace godwit::storage {
namespace {

TEST(Arena, CutsBlocksThatAreAlignedToTheirSize) {
  const auto arena = Arena::create(1 << 20);
  for (const size_t size : {1, 4096, 4097, 60000, 200000}) {
    auto block = arena->allocate(size);
    ASSERT_TRUE(block);
    EXPECT_GE(block->size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block->data()) % block->size(), 0u);
  }
}

TEST(Arena, IsBoundedAndServesAgainWhatComesBack) {
  const auto arena = Arena::create(kBlockMax * 2);
  std::vector<Block> blocks;
  while (auto block = arena->allocate(kBlockMin)) blocks.push_back(std::move(*block));
  EXPECT_EQ(blocks.size(), 2 * kBlockMax / kBlockMin);
  EXPECT_EQ(arena->usage().used, arena->usage().capacity);
  EXPECT_FALSE(arena->allocate(1));
  blocks.clear();
  EXPECT_EQ(arena->usage().used, 0u);
  // Chunks that held small blocks serve a large one.
  EXPECT_TRUE(arena->allocate(kBlockMax));
}

TEST(Arena, ReusesMemoryBeforeItTouchesMore) {
  const auto arena = Arena::create(16 << 20);
  for (int i = 0; i < 100; ++i) {
    auto block = arena->allocate(kBlockMax);
    ASSERT_TRUE(block);
  }
  EXPECT_EQ(arena->usage().touched, kBlockMax);
}

TEST(Arena, TellsOfEachHugePageOnceWhileTheOneBeforeItIsUsedUp) {
  constexpr size_t kHugePage = 2 << 20;
  for (size_t phase = 0; phase < 9; ++phase) {
    const auto arena = Arena::create(3 * kHugePage + kBlockMax);
    std::vector<MutableBytes> told;
    arena->on_touch_soon([&told](MutableBytes untouched) { told.push_back(untouched); }, phase);
    std::vector<Block> blocks;
    const auto fill = [&](size_t bytes) {
      for (size_t i = 0; i < bytes; i += kBlockMax) blocks.push_back(std::move(*arena->allocate(kBlockMax)));
    };
    fill(2 * kBlockMax);
    EXPECT_TRUE(told.empty()) << "what hardly anything is written to touches no second page";
    std::byte* const base = blocks.front().data();
    fill(kHugePage - 2 * kBlockMax);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].data(), base + kHugePage);
    EXPECT_EQ(told[0].size(), kHugePage);
    fill(2 * kHugePage);
    ASSERT_EQ(told.size(), 3u);
    EXPECT_EQ(told[2].data(), base + 3 * kHugePage);
    EXPECT_EQ(told[2].size(), kBlockMax) << "not past the end";
    fill(kBlockMax);
    EXPECT_FALSE(arena->allocate(1));
    blocks.clear();
    fill(3 * kHugePage);
    EXPECT_EQ(told.size(), 3u) << "what was touched needs nothing";
  }
}

TEST(Arena, ThatFillsBesideOneOfAnotherPhaseTellsAtAnotherTime) {
  const auto told_at = [](size_t phase) {
    const auto arena = Arena::create(4 << 20);
    bool told = false;
    arena->on_touch_soon([&told](MutableBytes) { told = true; }, phase);
    std::vector<Block> blocks;
    while (!told) blocks.push_back(std::move(*arena->allocate(kBlockMax)));
    return blocks.size();
  };
  EXPECT_NE(told_at(0), told_at(1));
  EXPECT_NE(told_at(1), told_at(2));
}

TEST(Arena, KeepsAPinnedBlockUntilTheLastPinIsGone) {
  const auto arena = Arena::create(1 << 20);
  auto block = arena->allocate(kBlockMin);
  block->data()[5] = std::byte{42};
  SharedBytes pin = block->pin(5, 1);
  block.reset();
  EXPECT_EQ(arena->usage().used, kBlockMin);
  EXPECT_EQ(pin.view()[0], std::byte{42});
  pin = {};
  EXPECT_EQ(arena->usage().used, 0u);
}

TEST(Arena, TakesBlocksBackFromOtherThreads) {
  const auto arena = Arena::create(64 << 20);
  std::vector<SharedBytes> pins[4];
  for (int i = 0; i < 4000; ++i) pins[i % 4].push_back(arena->allocate(kBlockMin)->pin(0, 8));
  {
    std::vector<std::jthread> threads;
    for (auto& mine : pins) threads.emplace_back([&mine] { mine.clear(); });
    for (int i = 0; i < 1000; ++i) (void)arena->allocate(kBlockMin);
  }
  EXPECT_EQ(arena->usage().used, 0u);
}

TEST(Arena, CountsWhatIsPinnedOnceABlockUntilTheLastPinGoes) {
  const auto arena = Arena::create(8 * kBlockMax);
  auto first = arena->allocate(kBlockMax);
  auto second = arena->allocate(kBlockMax);
  auto third = arena->allocate(kBlockMax);
  SharedBytes a = first->pin(0, 10);
  SharedBytes b = first->pin(100, 10);
  EXPECT_EQ(arena->usage().pinned, kBlockMax);
  SharedBytes c = second->pin(0, 1);
  EXPECT_FALSE(arena->pinned_much());
  SharedBytes d = third->pin(0, 1);
  EXPECT_TRUE(arena->pinned_much()) << "more than a quarter";
  first.reset();
  a = {};
  EXPECT_EQ(arena->usage().pinned, 3 * kBlockMax);
  b = {};
  EXPECT_EQ(arena->usage().pinned, 2 * kBlockMax);
  EXPECT_FALSE(arena->pinned_much());
}

}  // namespace
}  // namespace godwit::storage
