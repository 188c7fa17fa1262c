// What files and directories promise. Crashes are the simulator's own subject; here nothing fails but what is
// asked wrongly. Included once in a test program.
#pragma once

#include <algorithm>

#include "runtime/contract/world.h"
#include "runtime/file.h"
#include "runtime/sync.h"

namespace godwit::runtime::contract {

class FileContract : public Contract {};

using Create = OpenOptions::Create;

inline Task<Result<void>> write_whole(FileSystem& files, std::string path, std::string text) {
  auto file = co_await files.open(path, {.write = true, .create = Create::if_missing});
  if (!file) co_return fail(file.error());
  const BytesView part = as_bytes(text);
  co_return co_await (*file)->write_at(0, {&part, 1});
}

inline Task<std::string> read_whole(FileSystem& files, std::string path) {
  const auto bytes = co_await read_file(files, path, 1 << 20);
  co_return bytes ? std::string(as_text(*bytes)) : "(" + std::string(to_string(bytes.error().kind)) + ")";
}

TEST_P(FileContract, what_is_written_in_parts_is_read_back_and_the_end_is_short) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const std::string path = world.directory() + "/a";
    auto file = co_await files.open(path, {.write = true, .create = Create::must_be_new});
    GW_REQUIRE_OK(file);
    EXPECT_EQ((*file)->path(), path);
    EXPECT_FALSE((*file)->is_direct());
    EXPECT_EQ((*file)->alignment(), 1u);
    std::vector<std::string> texts;
    std::string whole;
    for (size_t i = 0; i < 2500; ++i)
      whole += texts.emplace_back(std::string(i % 5, static_cast<char>('A' + i % 26)));
    std::vector<BytesView> parts;
    for (const auto& text : texts) parts.push_back(as_bytes(text));
    EXPECT_TRUE(co_await (*file)->write_at(0, parts));
    const BytesView tail = as_bytes("tail");
    EXPECT_TRUE(co_await (*file)->write_at(whole.size() + 10, {&tail, 1}));
    EXPECT_TRUE(co_await (*file)->write_at(0, {}));
    EXPECT_TRUE(co_await (*file)->sync());
    EXPECT_EQ((co_await (*file)->size()).value_or(0), whole.size() + 14);

    Bytes into(whole.size() + 100);
    const auto count = co_await (*file)->read_at(0, into);
    GW_REQUIRE_OK(count);
    EXPECT_EQ(*count, whole.size() + 14);
    EXPECT_EQ(as_text(BytesView(into).first(*count)), whole + std::string(10, '\0') + "tail");
    EXPECT_EQ((co_await (*file)->read_at(whole.size() + 14, into)).value_or(99), 0u);
    EXPECT_EQ((co_await (*file)->read_at(whole.size() + 1000, into)).value_or(99), 0u);
  });
}

TEST_P(FileContract, opening_says_what_is_missing_or_there_already) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const std::string path = world.directory() + "/a";
    GW_EXPECT_ERROR(co_await files.open(path, {}), ErrorKind::not_found);
    GW_EXPECT_ERROR(co_await files.open(path, {.write = true}), ErrorKind::not_found);
    GW_EXPECT_ERROR(
        co_await files.open(world.directory() + "/none/a", {.write = true, .create = Create::if_missing}),
        ErrorKind::not_found);
    EXPECT_EQ((co_await files.exists(path)).value_or(true), false);
    EXPECT_TRUE(co_await files.open(path, {.write = true, .create = Create::must_be_new}));
    EXPECT_EQ((co_await files.exists(path)).value_or(false), true);
    GW_EXPECT_ERROR(co_await files.open(path, {.write = true, .create = Create::must_be_new}),
                    ErrorKind::exists);
    EXPECT_TRUE(co_await files.open(path, {.write = true, .create = Create::if_missing}));
    GW_EXPECT_ERROR(co_await files.open(world.directory(), {}), ErrorKind::invalid);
    const auto missing = co_await files.open(path + "x", {});
    if (!missing) EXPECT_NE(missing.error().message.find(path + "x"), std::string::npos);
  });
}

TEST_P(FileContract, a_direct_file_takes_what_is_aligned_and_refuses_the_rest) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const std::string path = world.directory() + "/direct";
    auto file = co_await files.open(path, {.write = true, .create = Create::must_be_new, .direct = true});
    GW_REQUIRE_OK(file);
    const size_t unit = (*file)->alignment();
    EXPECT_EQ((*file)->is_direct(), unit > 1);
    EXPECT_LE(unit, 4096u);
    AlignedBuffer out(16384);
    for (size_t i = 0; i < out.size(); ++i) out.data()[i] = static_cast<std::byte>(i * 13 >> 3);
    const std::array parts{out.view().first(4096), out.view().subspan(4096)};
    const auto written = co_await (*file)->write_at(8192, parts);
    GW_REQUIRE_OK(written);
    EXPECT_TRUE(co_await (*file)->sync());
    AlignedBuffer in(32768);
    const auto count = co_await (*file)->read_at(8192, in.bytes());
    GW_REQUIRE_OK(count);
    EXPECT_EQ(*count, 16384u);
    EXPECT_TRUE(equal(in.view().first(16384), out.view()));
    EXPECT_TRUE(co_await (*file)->truncate(8192 + 5000));  // an end off the grid
    EXPECT_EQ((co_await (*file)->read_at(8192, in.bytes())).value_or(0), 5000u);
    if (!(*file)->is_direct()) co_return;
    const BytesView odd = out.view().first(100);
    GW_EXPECT_ERROR(co_await (*file)->write_at(0, {&odd, 1}), ErrorKind::invalid);
    const BytesView whole = out.view().first(4096);
    GW_EXPECT_ERROR(co_await (*file)->write_at(7, {&whole, 1}), ErrorKind::invalid);
    GW_EXPECT_ERROR(co_await (*file)->read_at(0, in.bytes().subspan(1, 4096)), ErrorKind::invalid);
  });
}

TEST_P(FileContract, allocated_space_reads_as_zeros_and_shrinks_nothing) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const std::string path = world.directory() + "/a";
    GW_REQUIRE(co_await write_whole(files, path, "hello"));
    auto file = co_await files.open(path, {.write = true});
    GW_REQUIRE_OK(file);
    EXPECT_TRUE(co_await (*file)->allocate(100'000));
    EXPECT_EQ((co_await (*file)->size()).value_or(0), 100'000u);
    Bytes into(100'000);
    EXPECT_EQ((co_await (*file)->read_at(0, into)).value_or(0), 100'000u);
    EXPECT_EQ(as_text(BytesView(into).first(5)), "hello");
    EXPECT_TRUE(std::all_of(into.begin() + 5, into.end(), [](std::byte b) { return b == std::byte{0}; }));
    EXPECT_TRUE(co_await (*file)->allocate(10));
    EXPECT_TRUE(co_await (*file)->allocate(0));
    EXPECT_EQ((co_await (*file)->size()).value_or(0), 100'000u);
    EXPECT_TRUE(co_await (*file)->truncate(3));
    EXPECT_EQ(co_await read_whole(files, path), "hel");
  });
}

TEST_P(FileContract, rename_replaces_at_once_and_remove_tells_what_is_missing) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const std::string a = world.directory() + "/a";
    const std::string b = world.directory() + "/b";
    GW_REQUIRE(co_await write_whole(files, a, "new"));
    GW_REQUIRE(co_await write_whole(files, b, "older"));
    // Who has a file open keeps it.
    auto open = co_await files.open(b, {});
    GW_REQUIRE_OK(open);
    EXPECT_TRUE(co_await files.rename(a, b));
    EXPECT_TRUE(co_await files.sync_directory(world.directory()));
    EXPECT_EQ(co_await read_whole(files, b), "new");
    EXPECT_EQ(co_await read_whole(files, a), "(not_found)");
    Bytes into(5);
    EXPECT_EQ((co_await (*open)->read_at(0, into)).value_or(0), 5u);
    EXPECT_EQ(as_text(into), "older");
    GW_EXPECT_ERROR(co_await files.rename(a, b), ErrorKind::not_found);
    EXPECT_TRUE(co_await files.remove(b));
    GW_EXPECT_ERROR(co_await files.remove(b), ErrorKind::not_found);
  });
}

TEST_P(FileContract, directories_are_made_listed_and_removed_when_empty) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const std::string folder = world.directory() + "/folder";
    EXPECT_TRUE(co_await files.make_directory(folder));
    EXPECT_TRUE(co_await files.make_directory(folder));  // well also when it exists
    GW_EXPECT_ERROR(co_await files.make_directory(world.directory() + "/x/y"), ErrorKind::not_found);
    GW_REQUIRE(co_await write_whole(files, folder + "/file", "12345"));
    GW_EXPECT_ERROR(co_await files.make_directory(folder + "/file"), ErrorKind::exists);
    EXPECT_TRUE(co_await files.make_directory(folder + "/sub"));
    auto entries = co_await files.list(folder);
    GW_REQUIRE_OK(entries);
    std::sort(entries->begin(), entries->end(), [](const auto& x, const auto& y) { return x.name < y.name; });
    GW_REQUIRE(entries->size() == 2);
    EXPECT_EQ((*entries)[0].name, "file");
    EXPECT_FALSE((*entries)[0].is_directory);
    EXPECT_EQ((*entries)[0].size, 5u);
    EXPECT_EQ((*entries)[1].name, "sub");
    EXPECT_TRUE((*entries)[1].is_directory);
    EXPECT_FALSE(co_await files.remove_directory(folder));
    EXPECT_TRUE(co_await files.remove_directory(folder + "/sub"));
    EXPECT_TRUE(co_await files.remove(folder + "/file"));
    EXPECT_TRUE(co_await files.remove_directory(folder));
    GW_EXPECT_ERROR(co_await files.list(folder), ErrorKind::not_found);
    EXPECT_TRUE(co_await files.sync_filesystem(world.directory()));
  });
}

TEST_P(FileContract, a_lock_keeps_a_second_holder_out_until_it_is_dropped) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const std::string path = world.directory() + "/lock";
    auto first = co_await files.lock(path);
    GW_REQUIRE_OK(first);
    GW_EXPECT_ERROR(co_await files.lock(path), ErrorKind::conflict);
    first->reset();
    EXPECT_TRUE(co_await files.lock(path));
    GW_EXPECT_ERROR(co_await files.lock(world.directory() + "/none/lock"), ErrorKind::not_found);
  });
}

TEST_P(FileContract, space_is_known_and_reading_a_file_is_bounded) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const auto space = co_await files.space(world.directory());
    GW_REQUIRE_OK(space);
    EXPECT_GT(space->available, 0u);
    EXPECT_LE(space->available, space->total);
    const std::string path = world.directory() + "/a";
    GW_REQUIRE(co_await write_whole(files, path, "12345"));
    EXPECT_TRUE(co_await read_file(files, path, 5));
    GW_EXPECT_ERROR(co_await read_file(files, path, 4), ErrorKind::limit);
  });
}

TEST_P(FileContract, many_operations_on_one_file_run_at_once_on_every_kind_of_shard) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const auto write_and_read = [](FileSystem& on, std::string path) -> Task<int> {
      auto file = co_await on.open(
          path, {.write = true, .create = Create::must_be_new, .lane = OpenOptions::Lane::write_back});
      if (!file) co_return 0;
      const auto one = [](File& to, size_t i) -> Task<bool> {
        const std::string text = std::to_string(1000 + i);
        const BytesView part = as_bytes(text);
        if (!co_await to.write_at(i * 4, {&part, 1})) co_return false;
        if (!co_await to.sync()) co_return false;
        Bytes into(4);
        const auto count = co_await to.read_at(i * 4, into);
        co_return count&&* count == 4 && as_text(into) == text;
      };
      std::vector<Task<bool>> all;
      for (size_t i = 0; i < 64; ++i) all.push_back(one(**file, i));
      int right = 0;
      for (const bool well : co_await when_all(std::move(all))) right += well;
      co_return right;
    };
    EXPECT_EQ(co_await write_and_read(files, world.directory() + "/a"), 64);
    Shard& journal = world.runtime().add_shard({.name = "journal", .blocking_files = true});
    const std::string path = world.directory() + "/b";
    EXPECT_EQ(co_await journal.call([&] { return write_and_read(files, path); }), 64);
  });
}

TEST_P(FileContract, a_frame_destroyed_in_a_file_operation_leaves_its_memory_alone) {
  run([](World& world) -> Task<void> {
    FileSystem& files = world.runtime().files();
    const std::string path = world.directory() + "/a";
    GW_REQUIRE(co_await write_whole(files, path, std::string(200'000, 'x')));
    auto file = co_await files.open(path, {.write = true});
    GW_REQUIRE_OK(file);
    for (int i = 0; i < 50; ++i) {
      Bytes into(200'000);
      auto read = (*file)->read_at(0, into);
      read.start();
      auto sync = (*file)->sync();
      sync.start();
      if (i % 2 == 0) co_await yield();
    }
    EXPECT_EQ((co_await (*file)->size()).value_or(0), 200'000u);
  });
}

}  // namespace godwit::runtime::contract
