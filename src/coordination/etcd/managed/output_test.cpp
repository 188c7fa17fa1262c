#include "coordination/etcd/managed/output.h"

#include <gtest/gtest.h>

#include "coordination/etcd/managed/managed_testing.h"

namespace godwit::coordination {
namespace {

using runtime::Runtime;
using runtime::Task;

// A file in a folder of the real runtime.
class Output : public testing::Test {
 protected:
  std::string path() const { return folder_.path() + "/output"; }
  void write(const std::string& text) { std::ofstream(path(), std::ios::app) << text; }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void bound(uint64_t bytes_max) {
    stage_.run([&](Runtime& runtime) -> Task<void> {
      const auto done = co_await etcd::bound_output(runtime.files(), path(), bytes_max);
      EXPECT_TRUE(done) << done.error().describe();
    });
  }

 private:
  TemporaryDirectory folder_;
  RealStage stage_;
};

TEST_F(Output, AFileThatIsNotThereOrNotTooLargeIsLeftAlone) {
  bound(10);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(Output, AFileAsLargeAsAllowedIsLeftAlone) {
  write("0123456789");
  bound(10);
  EXPECT_EQ(read(path()), "0123456789");
  EXPECT_FALSE(std::filesystem::exists(path() + ".1"));
}

TEST_F(Output, TheLastOfALargerOneIsKeptBesideAndItIsEmptied) {
  std::ofstream(path() + ".1") << "what an earlier one left, which is longer than what is kept now";
  // More than one piece; and an earlier build may have let it grow to many times the bound.
  std::string text;
  for (int i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i) + '\n';
  write(text);
  bound(1'000'000);
  EXPECT_EQ(read(path()), "");
  EXPECT_EQ(read(path() + ".1"), text.substr(text.size() - 1'000'000));
}

TEST_F(Output, WhoAppendsGoesOnInTheEmptiedFile) {
  std::ofstream program(path(), std::ios::app);
  program << "before, and much" << std::flush;
  bound(10);
  program << "after" << std::flush;
  EXPECT_EQ(read(path()), "after");
  EXPECT_EQ(read(path() + ".1"), ", and much");
}

TEST_F(Output, WhatCannotBeKeptIsNoReasonToLetItGrow) {
  write("0123456789abc");
  std::filesystem::create_directory(path() + ".1");
  RealStage stage;
  stage.run([&](Runtime& runtime) -> Task<void> {
    EXPECT_FALSE(co_await etcd::bound_output(runtime.files(), path(), 10));
  });
  EXPECT_EQ(read(path()), "");
}

}  // namespace

// A program in etcd's place that prints and answers nobody.
TEST(ManagedEtcd, WhatAMemberPrintsIsBounded) {
  ManagedScene scene(1);
  scene.settings.program = scene.folder() + "/chatter";
  std::ofstream(scene.settings.program) << "#!/bin/sh\n"
                                           "i=0\n"
                                           "while true; do\n"
                                           "  i=$((i + 1))\n"
                                           "  printf 'line %0500d\\n' $i\n"
                                           "  sleep 0.01\n"
                                           "done\n";
  std::filesystem::permissions(scene.settings.program, std::filesystem::perms::owner_all);
  scene.stage().run([&](runtime::Runtime& runtime) -> runtime::Task<void> {
    auto options = scene.options_of(1);
    options.output_bytes_max = 5'000;
    const auto managed =
        co_await ManagedEtcd::start(runtime, scene.processes(), options, scene.stage().diagnostics());
    GW_REQUIRE_OK(managed);
    const std::string output = scene.folder_of(1) + "/output";
    const auto kept = [&] {
      std::ifstream in(output + ".1");
      return std::string{std::istreambuf_iterator<char>(in), {}};
    };
    // Again and again, for as long as it runs.
    std::string before;
    for (int times = 0; times < 3; ++times) {
      EXPECT_TRUE(co_await eventually([&]() -> runtime::Task<bool> {
        const std::string now = kept();
        co_return now.size() == 5'000 && now != before;
      })) << times
          << scene.told();
      before = kept();
    }
    EXPECT_NE(before.find("line 000"), std::string::npos);
    co_await (*managed)->stop();
    EXPECT_EQ(scene.leftovers().count(), 0u);
  });
}

}  // namespace godwit::coordination
