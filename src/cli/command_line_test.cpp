#include "cli/command_line.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace godwit::cli {
namespace {

using Words = std::vector<std::string>;

template <class T>
T command(const Words& words) {
  auto parsed = parse(words, "");
  if (const auto* say = std::get_if<Say>(&parsed)) {
    ADD_FAILURE() << say->text;
    return {};
  }
  auto* found = std::get_if<T>(&std::get<Ask>(parsed).command);
  EXPECT_NE(found, nullptr);
  return found == nullptr ? T{} : *found;
}

// The mistake's first line.
std::string mistake(const Words& words) {
  const auto parsed = parse(words, "");
  const auto* say = std::get_if<Say>(&parsed);
  if (say == nullptr) return "(no mistake)";
  EXPECT_EQ(say->exit_code, 2);
  EXPECT_NE(say->text.find("--help"), std::string::npos) << "it says where more is said";
  return say->text.substr(0, say->text.find('\n'));
}

TEST(CommandLine, ATopicIsCreatedWithItsSettings) {
  const auto ask =
      command<TopicCreate>({"topic", "create", "orders", "--partitions", "6", "--replication-factor", "3",
                            "--config", "retention.ms=1000", "--config", "cleanup.policy=compact"});
  EXPECT_EQ(ask.name, "orders");
  EXPECT_EQ(ask.partitions, 6);
  EXPECT_EQ(ask.replication_factor, 3);
  EXPECT_EQ(ask.config, (Settings{{"retention.ms", "1000"}, {"cleanup.policy", "compact"}}));
  EXPECT_EQ(command<TopicCreate>({"topic", "create", "--config", "a=b", "orders"}).name, "orders");
  EXPECT_EQ(command<TopicCreate>({"topic", "create", "orders"}).partitions, -1);
}

TEST(CommandLine, BrokersComeFromTheFlagThenTheEnvironmentThenTheDefault) {
  const auto brokers = [](const Words& words, const std::string& environment) {
    const auto parsed = parse(words, environment);
    return to_string(std::get<Ask>(parsed).brokers.at(0));
  };
  EXPECT_EQ(brokers({"topic", "list"}, ""), "127.0.0.1:9092");
  EXPECT_EQ(brokers({"topic", "list"}, "b1:1"), "b1:1");
  EXPECT_EQ(brokers({"topic", "list", "--brokers", "b2:2"}, "b1:1"), "b2:2");
}

TEST(CommandLine, OffsetsAreResetInSixWays) {
  using To = GroupReset::To;
  const auto reset = [](Words words) {
    words.insert(words.begin(), {"group", "reset-offsets", "g"});
    return command<GroupReset>(words);
  };
  EXPECT_EQ(reset({"--to-earliest"}).to, To::earliest);
  EXPECT_FALSE(reset({"--to-earliest"}).execute);
  EXPECT_TRUE(reset({"--to-latest", "--execute"}).execute);
  EXPECT_EQ(reset({"--to-offset", "42"}).value, 42);
  EXPECT_EQ(reset({"--to-datetime", "1970-01-02"}).value, 86'400'000);
  EXPECT_EQ(reset({"--by-duration", "PT1H"}).before_now, std::chrono::hours(1));
  EXPECT_EQ(reset({"--shift-by", "-5"}).value, -5);
  const auto topics = reset({"--to-latest", "--topic", "a:0,1", "--topic", "b"}).topics;
  ASSERT_EQ(topics.size(), 2u);
  EXPECT_EQ(topics[0].second, (std::vector<int32_t>{0, 1}));
}

TEST(CommandLine, PartitionsAreMovedAndMovesGivenUp) {
  const auto move =
      command<TopicReassign>({"topic", "reassign", "orders", "--partition", "2", "--replicas", "3,1"});
  EXPECT_EQ(move.name, "orders");
  EXPECT_EQ(move.partitions, (std::vector<int32_t>{2}));
  EXPECT_EQ(move.replicas, (std::vector<int32_t>{3, 1}));
  EXPECT_TRUE(command<TopicReassign>({"topic", "reassign", "orders", "--cancel"}).cancel);
  EXPECT_EQ(command<TopicReassign>({"topic", "reassign"}).name, "");
  EXPECT_NE(mistake({"topic", "reassign", "orders", "--replicas", "1"}).find("needs --partition"),
            std::string::npos);
  EXPECT_NE(mistake({"topic", "reassign", "--cancel"}).find("which topic?"), std::string::npos);
  EXPECT_NE(mistake({"topic", "reassign", "o", "--partition", "1", "--replicas", "1,1"}).find("each once"),
            std::string::npos);
  EXPECT_NE(mistake({"topic", "reassign", "o", "--partition", "1", "--replicas", "1,", "--cancel"})
                .find("--replicas"),
            std::string::npos);
  EXPECT_TRUE(command<TopicElect>({"topic", "elect", "o", "--partition", "1", "--unclean"}).unclean);
  EXPECT_NE(mistake({"topic", "elect", "o", "--unclean"}).find("needs --partition"), std::string::npos);
}

TEST(CommandLine, AnOperatorGivesOrders) {
  using What = ClusterOrder::What;
  EXPECT_EQ(command<ClusterOrder>({"cluster", "drain", "2", "--wait"}).what, What::drain);
  EXPECT_TRUE(command<ClusterOrder>({"cluster", "drain", "2", "--wait"}).wait);
  EXPECT_EQ(command<ClusterOrder>({"cluster", "resume", "2"}).what, What::resume);
  EXPECT_EQ(command<ClusterOrder>({"cluster", "remove", "7"}).broker, 7);
  EXPECT_TRUE(command<ClusterRebalance>({"cluster", "rebalance", "--dry-run"}).dry_run);
  EXPECT_EQ(command<ClusterEvents>({"cluster", "events", "--count", "5"}).count, 5);
  EXPECT_TRUE(command<ClusterStatus>({"cluster", "status", "--check"}).check);
  EXPECT_EQ(command<ClusterThrottle>({"cluster", "throttle", "1000000"}).bytes_per_second, 1'000'000);
  EXPECT_EQ(command<ClusterThrottle>({"cluster", "throttle", "off"}).bytes_per_second, 0);
  EXPECT_EQ(command<ClusterUpgrade>({"cluster", "upgrade"}).level, 0);
  EXPECT_EQ(command<ClusterUpgrade>({"cluster", "upgrade", "--to", "3", "--dry-run"}).level, 3);
  EXPECT_EQ(mistake({"cluster", "drain"}), "godwit cluster drain: broker is required");
  EXPECT_NE(mistake({"cluster", "drain", "-1"}).find("godwit cluster drain"), std::string::npos);
  EXPECT_EQ(command<ClusterThrottle>({"cluster", "throttle", "50MB/s"}).bytes_per_second, 50'000'000);
  EXPECT_EQ(command<ClusterThrottle>({"cluster", "throttle", "default"}).bytes_per_second, -1);
  EXPECT_EQ(command<ClusterRebalance>({"cluster", "rebalance", "--throttle", "10MiB", "--wait"}).throttle,
            10 << 20);
  EXPECT_EQ(command<ClusterOrder>({"cluster", "drain", "3", "--throttle", "off"}).throttle, 0);
  EXPECT_FALSE(command<ClusterOrder>({"cluster", "drain", "3"}).throttle);
  EXPECT_NE(mistake({"cluster", "drain", "3", "--throttle", "x"}).find("--throttle: 'x' is not a rate"),
            std::string::npos);
  EXPECT_NE(mistake({"cluster", "throttle", "0"}).find("rate: '0' is not a rate"), std::string::npos);
  EXPECT_NE(mistake({"cluster", "throttle", "much"}).find("rate:"), std::string::npos);
}

TEST(CommandLine, EveryMistakeIsNamedWithItsCommand) {
  EXPECT_EQ(mistake({"topic", "create"}), "godwit topic create: name is required");
  EXPECT_EQ(mistake({"topic", "create", "x", "--partitions", "0"}),
            "godwit topic create: --partitions: 0 is not from 1 to 2147483647");
  EXPECT_NE(mistake({"topic", "create", "x", "--partitions", "many"}).find("--partitions"),
            std::string::npos);
  EXPECT_EQ(mistake({"topic", "create", "x", "--config", "retention"}),
            "godwit topic create: --config: 'retention' is not NAME=VALUE");
  EXPECT_NE(mistake({"topic", "create", "x", "--partition", "3"}).find("--partition"), std::string::npos);
  EXPECT_EQ(
      mistake({"topic"}),
      "godwit topic: say what to do: one of create, list, describe, delete, alter, config, reassign, elect");
  EXPECT_EQ(mistake({"topic", "crate", "x"}),
            "godwit topic: there is no command 'crate': one of create, list, describe, delete, alter, "
            "config, reassign, elect");
  EXPECT_EQ(mistake({"topic", "alter", "x"}),
            "godwit topic alter: nothing to alter: give --partitions, --config or --delete-config");
  EXPECT_EQ(
      mistake({"topic", "list", "--brokers", "b1:x"}),
      "godwit topic list: --brokers: 'b1:x' is not HOST:PORT: the port is not a number from 0 to 65535");
  EXPECT_EQ(mistake({"topic", "list", "--timeout", "0s"}), "godwit topic list: --timeout: must be above 0");
  EXPECT_NE(mistake({"group", "reset-offsets", "g"}).find("where to?"), std::string::npos);
  EXPECT_NE(mistake({"group", "reset-offsets", "g", "--to-earliest", "--to-latest"}).find("where to?"),
            std::string::npos);
  EXPECT_NE(
      mistake({"group", "reset-offsets", "g", "--to-latest", "--dry-run", "--execute"}).find("contradict"),
      std::string::npos);
  EXPECT_EQ(mistake({"produce", "t", "--compression", "zip"}),
            "godwit produce: --compression: 'zip' is none of none, gzip, snappy, lz4 and zstd");
  EXPECT_EQ(mistake({"produce", "t", "--acks", "2"}), "godwit produce: --acks: '2' is none of all, 1 and 0");
  EXPECT_NE(mistake({"consume", "t", "--group", "g", "--partition", "1"}).find("contradict"),
            std::string::npos);
  EXPECT_NE(mistake({"consume", "t", "--group", "g", "--from", "7"}).find("reset-offsets"),
            std::string::npos);
  EXPECT_NE(mistake({"consume", "t", "--from", "somewhere"}).find("--from: 'somewhere'"), std::string::npos);
}

TEST(CommandLine, HelpIsNoMistake) {
  for (const Words& words :
       {Words{"topic", "--help"}, Words{"topic", "create", "--help"}, Words{"consume", "-h"}}) {
    const auto parsed = parse(words, "");
    const auto* say = std::get_if<Say>(&parsed);
    ASSERT_NE(say, nullptr);
    EXPECT_EQ(say->exit_code, 0);
    EXPECT_NE(say->text.find("--help"), std::string::npos);
  }
}

TEST(CommandLine, TheManualSaysWhatHelpSays) {
  std::ifstream file(GODWIT_DOCS "/cli.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(manual()), std::string::npos)
      << "docs/cli.md is behind; everything from its first command on should be:\n"
      << manual();
}

}  // namespace
}  // namespace godwit::cli
