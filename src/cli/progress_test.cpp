#include "cli/progress.h"
#include "cli/recording_console_testing.h"

#include <gtest/gtest.h>

#include "runtime/sim/node.h"

namespace godwit::cli {
namespace {

using runtime::Runtime;
using runtime::Task;
using namespace std::chrono_literals;

const std::string kLine = "\r\x1b[K";  // to its beginning, and nothing on it

struct ProgressLine : testing::Test {
  runtime::sim::World world{3};
  runtime::sim::Node& machine = world.add_node("a");
  RecordingConsole console;

  void work(bool on_terminal, std::function<Task<void>(Session&)> body) {
    machine.run([&](Runtime& runtime) -> Task<void> {
      const Ask ask{};
      const Surroundings surroundings{.error_is_terminal = on_terminal};
      peer::Cluster cluster(runtime.network(), {{"b", 9092}}, {});
      Session session{ask, surroundings, console, runtime, cluster};
      co_await body(session);
    });
  }
};

TEST_F(ProgressLine, IsReplacedTwiceASecondAndGoesInTheEnd) {
  work(true, [&](Session& session) -> Task<void> {
    {
      Progress progress(session);
      progress.show("too early: short work has none");
      EXPECT_EQ(console.error, "");
      co_await runtime::sleep_for(500ms);
      progress.show("1 of 9");
      EXPECT_EQ(console.error, kLine + "1 of 9");
      co_await runtime::sleep_for(499ms);
      progress.show("2 of 9");
      EXPECT_EQ(console.error, kLine + "1 of 9");
      co_await runtime::sleep_for(1ms);
      progress.show("3 of 9");
      EXPECT_EQ(console.error, kLine + "1 of 9" + kLine + "3 of 9");
      console.error.clear();
    }
    EXPECT_EQ(console.error, kLine) << "nothing stays behind";
  });
  EXPECT_EQ(console.out, "") << "it is no answer";
}

TEST_F(ProgressLine, IsClearedOnce) {
  work(true, [&](Session& session) -> Task<void> {
    Progress progress(session);
    progress.clear();
    EXPECT_EQ(console.error, "") << "there is no line yet";
    co_await runtime::sleep_for(1s);
    progress.show("half");
    progress.clear();
    progress.clear();
    EXPECT_EQ(console.error, kLine + "half" + kLine);
  });
  EXPECT_EQ(console.error, kLine + "half" + kLine);
}

TEST_F(ProgressLine, IsNotWrittenIntoAFile) {
  work(false, [&](Session& session) -> Task<void> {
    Progress progress(session);
    co_await runtime::sleep_for(1s);
    progress.show("half");
  });
  EXPECT_EQ(console.error, "");
}

}  // namespace
}  // namespace godwit::cli
