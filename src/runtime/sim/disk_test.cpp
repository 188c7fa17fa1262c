#include <gtest/gtest.h>

#include "runtime/sim/node.h"

namespace godwit::runtime::sim {
namespace {

using namespace std::chrono_literals;

// Opens for writing, makes it when missing.
Task<std::unique_ptr<File>> open_file(FileSystem& files, std::string path, bool direct = false) {
  auto file =
      co_await files.open(path, {.write = true, .create = OpenOptions::Create::if_missing, .direct = direct});
  EXPECT_TRUE(file) << file.error().describe();
  co_return file ? std::move(*file) : nullptr;
}

Task<Result<void>> write_text(File& file, uint64_t position, std::string text) {
  const BytesView part = as_bytes(text);
  co_return co_await file.write_at(position, std::span(&part, 1));
}

TEST(SimDisk, WhatWasWrittenIsReadBack) {
  World world(1);
  Node& node = world.add_node("a");
  EXPECT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "one");
    EXPECT_TRUE(co_await write_text(*file, 510, "across a sector"));
    Bytes bytes(100);
    const auto count = co_await file->read_at(505, bytes);
    EXPECT_EQ(count.value(), 20u);
    EXPECT_EQ(as_text(BytesView(bytes).first(20)), std::string(5, '\0') + "across a sector");
    EXPECT_EQ((co_await file->read_at(5000, bytes)).value(), 0u);
  }));
  EXPECT_GT(world.elapsed(), 0ns);
}

// Writes 'new' over 'old' in a synced file without a sync, cuts the power, gives what is there.
std::string overwrite_and_cut(uint64_t seed, CrashKind kind, bool sync) {
  World world(seed);
  Node& node = world.add_node("a");
  node.disk().install("f", as_bytes(std::string(4096, 'o')));
  EXPECT_TRUE(node.run([sync](Runtime& runtime) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f");
    EXPECT_TRUE(co_await write_text(*file, 0, std::string(4096, 'n')));
    if (sync) EXPECT_TRUE(co_await file->sync());
  }));
  node.crash(kind);
  node.restart();
  return std::string(as_text(node.disk().contents("f").value()));
}

TEST(SimDisk, ASyncedWriteSurvivesEveryPowerCut) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_EQ(overwrite_and_cut(seed, CrashKind::power_cut, true), std::string(4096, 'n'));
  }
}

TEST(SimDisk, AWriteThatWasNotSyncedIsKeptLostOrTornAtSectorsByAPowerCut) {
  size_t kept = 0;
  size_t lost = 0;
  size_t torn = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = overwrite_and_cut(seed, CrashKind::power_cut, false);
    ASSERT_EQ(text.size(), 4096u);
    for (size_t sector = 0; sector < 8; ++sector) {
      const std::string one = text.substr(sector * 512, 512);
      EXPECT_TRUE(one == std::string(512, 'o') || one == std::string(512, 'n')) << "a sector is old or new";
    }
    const bool all_new = text == std::string(4096, 'n');
    const bool all_old = text == std::string(4096, 'o');
    ++(all_new ? kept : all_old ? lost : torn);
  }
  EXPECT_GT(kept, 20u);
  EXPECT_GT(lost, 20u);
  EXPECT_GT(torn, 20u);
}

TEST(SimDisk, KillNineKeepsEveryWriteThatReturned) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(overwrite_and_cut(seed, CrashKind::kill, false), std::string(4096, 'n'));
  }
}

}  // namespace
}  // namespace godwit::runtime::sim
