#include "durable/append_file.h"

#include "durable/durable_testing.h"

namespace godwit::durable {
namespace {

const FormatMark kMark{"test-app", 1};

Task<Result<AppendFile::Opened>> open_file(Runtime& runtime, uint64_t size_max = 1 << 20) {
  co_return co_await AppendFile::open(runtime.files(), "/f", kMark, runtime.shard(0).random(), size_max);
}

std::vector<Bytes> some(std::initializer_list<std::string> texts) {
  std::vector<Bytes> records;
  for (const auto& text : texts) records.push_back(to_bytes(text));
  return records;
}

std::vector<std::string> texts(const std::vector<Bytes>& records) {
  std::vector<std::string> out;
  for (const Bytes& record : records) out.emplace_back(as_text(record));
  return out;
}

using Texts = std::vector<std::string>;

TEST(AppendFile, GivesBackWhatWasAppended) {
  World world(1);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    auto opened = co_await open_file(runtime);
    EXPECT_TRUE(opened && opened->records.empty());
    EXPECT_TRUE(co_await opened->file->append(some({"a", ""})));
    EXPECT_TRUE(co_await opened->file->append(some({std::string(10000, 'b')})));
    auto again = co_await open_file(runtime);
    EXPECT_EQ(texts(again->records), (Texts{"a", "", std::string(10000, 'b')}));
    EXPECT_EQ(again->cut_bytes, 0u);
    EXPECT_EQ(again->file->size(), 4096u * 5);
  }));
}

// What is there after a crash is a prefix of what was appended, at least as long as what was acknowledged.
TEST(AppendFile, KeepsWhatWasAcknowledgedWhereverTheCrashComes) {
  const auto result = runtime::sim::sweep_crashes({.crashes_in_recovery = true}, [](CrashScenario& run) {
    auto appended = std::make_shared<Texts>();
    auto acknowledged = std::make_shared<size_t>(0);
    const auto add = [=](AppendFile& file, std::string text) -> Task<void> {
      appended->push_back(text);
      if (co_await file.append({to_bytes(text)})) *acknowledged = appended->size();
    };
    run.work([=](Runtime& runtime) -> Task<void> {
      auto opened = co_await open_file(runtime);
      for (int i = 0; i < 6; ++i) {
        co_await add(*opened->file, std::to_string(i) + std::string(static_cast<size_t>(i) * 3000, 'x'));
        if (i != 3) continue;
        std::vector<Bytes> all;
        for (const auto& text : *appended) all.push_back(to_bytes(text));
        EXPECT_TRUE(co_await opened->file->replace(std::move(all)));
      }
    });
    run.recover([=](Runtime& runtime) -> Task<void> {
      auto opened = co_await open_file(runtime);
      EXPECT_TRUE(opened) << (opened ? "" : opened.error().describe());
      if (!opened) co_return;
      const Texts found = texts(opened->records);
      EXPECT_GE(found.size(), *acknowledged);
      EXPECT_LE(found.size(), appended->size());
      for (size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], (*appended)[i]);
      // Goes on in place of what was cut off.
      appended->resize(found.size());
      *acknowledged = found.size();
      co_await add(*opened->file, "later");
      EXPECT_EQ(*acknowledged, appended->size());
    });
  });
  EXPECT_GT(result.runs, 200u);
}

TEST(AppendFile, DamageInTheMiddleIsNamedAndNothingIsChanged) {
  World world(3);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    {
      auto opened = co_await open_file(runtime);
      for (const auto* text : {"a", "b", "c"}) EXPECT_TRUE(co_await opened->file->append(some({text})));
    }
    EXPECT_TRUE(node.disk().flip_bit("/f", 2 * 4096 + 68, 0));
    const auto before = node.disk().contents("/f");
    const auto opened = co_await open_file(runtime);
    EXPECT_EQ(kind_of(opened), "corrupt");
    if (!opened) EXPECT_NE(opened.error().message.find("/f is damaged at position 8192"), std::string::npos);
    EXPECT_EQ(*node.disk().contents("/f"), *before);
  }));
}

TEST(AppendFile, ATornEndIsCutOffAndSaid) {
  World world(4);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    {
      auto opened = co_await open_file(runtime);
      for (const auto* text : {"a", "b", "c"}) EXPECT_TRUE(co_await opened->file->append(some({text})));
    }
    EXPECT_TRUE(node.disk().flip_bit("/f", 3 * 4096 + 68, 0));
    auto opened = co_await open_file(runtime);
    EXPECT_EQ(texts(opened->records), (Texts{"a", "b"}));
    EXPECT_EQ(opened->cut_bytes, 4096u);
  }));
}

TEST(AppendFile, RotInWhatOneReplaceWroteIsDamageAlsoAtItsEnd) {
  World world(5);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    {
      auto opened = co_await open_file(runtime, 16 << 20);
      EXPECT_TRUE(
          co_await opened->file->replace({Bytes(900'000), Bytes(900'000), Bytes(900'000), to_bytes("end")}));
    }
    auto good = co_await open_file(runtime, 16 << 20);
    EXPECT_EQ(good->records.size(), 4u);
    EXPECT_TRUE(node.disk().flip_bit("/f", good->file->size() - 4096, 0));
    EXPECT_EQ(kind_of(co_await open_file(runtime, 16 << 20)), "corrupt");
  }));
}

// A record that looks like a batch, at a block's start, behind a torn one.
TEST(AppendFile, BytesOfARecordDoNotPassForABatch) {
  World world(6);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    {
      auto opened = co_await open_file(runtime);
      EXPECT_TRUE(co_await opened->file->append(some({"a"})));
      const auto file = node.disk().contents("/f");
      // Another file's batches, 3 and so on, aligned to a block inside a record.
      Bytes record(4096 - 68);
      record.insert(record.end(), file->begin(), file->end());
      EXPECT_TRUE(co_await opened->file->replace({record}));
    }
    EXPECT_TRUE(node.disk().flip_bit("/f", 100, 0));
    EXPECT_EQ(kind_of(co_await open_file(runtime)), "corrupt");
  }));
}

TEST(AppendFile, ANewerFormatIsRefused) {
  World world(7);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    (void)co_await AppendFile::open(runtime.files(), "/f", {"test-app", 9}, runtime.shard(0).random());
    EXPECT_EQ(kind_of(co_await open_file(runtime)), "unsupported");
  }));
}

TEST(AppendFile, AFullDiskAddsNothingAndMayBeTriedAgain) {
  World world(8);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    auto opened = co_await open_file(runtime);
    EXPECT_TRUE(co_await opened->file->append(some({"a"})));
    node.disk().set_capacity(node.disk().used() + 4096);
    EXPECT_EQ(kind_of(co_await opened->file->append({Bytes(20000)})), "no_space");
    EXPECT_EQ(kind_of(co_await opened->file->replace({Bytes(20000)})), "no_space");
    node.disk().set_capacity(0);
    EXPECT_TRUE(co_await opened->file->append(some({"b"})));
    EXPECT_EQ(kind_of(co_await opened->file->append({Bytes(2 << 20)})), "limit");
    auto again = co_await open_file(runtime);
    EXPECT_EQ(texts(again->records), (Texts{"a", "b"}));
  }));
}

TEST(AppendFile, AfterAFailedSyncNothingIsAppended) {
  World world(9);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    auto opened = co_await open_file(runtime);
    node.disk().fail_next({.kinds = {OpKind::sync}}, ErrorKind::io);
    EXPECT_EQ(kind_of(co_await opened->file->append(some({"a"}))), "io");
    const auto before = node.disk().mutations();
    EXPECT_EQ(kind_of(co_await opened->file->append(some({"b"}))), "io");
    EXPECT_EQ(kind_of(co_await opened->file->replace(some({"b"}))), "io");
    EXPECT_EQ(node.disk().mutations(), before);
  }));
}

}  // namespace
}  // namespace godwit::durable
