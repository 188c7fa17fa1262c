#include "config/catalogue.h"

#include <gtest/gtest.h>

#include "config/printing.h"

namespace godwit::config {
namespace {

constexpr std::string_view kPolicies[] = {"delete", "compact"};
constexpr Setting kSettings[] = {
    {.name = "num.partitions", .type = Type::integer, .fallback = "1", .minimum = 1, .doc = "how | many"},
    {.name = "log.retention.ms",
     .type = Type::duration_ms,
     .fallback = "7d",
     .minimum = -1,
     .doc = "how long"},
    {.name = "cleanup.policy",
     .type = Type::choices,
     .fallback = "delete",
     .choices = kPolicies,
     .doc = "what"},
    {.name = "memory.arena", .type = Type::bytes, .automatic = "a quarter", .doc = "memory"},
    {.name = "kafka.address", .fallback = ":9092", .alias = "kafka", .doc = "where"},
    {.name = "level", .fallback = "info", .restart = false, .doc = "what is told"},
    {.name = "password", .secret = true, .automatic = "none", .doc = "a secret"},
    {.name = "auto.create", .type = Type::boolean, .fallback = "true", .doc = "whether"},
};

class Settings : public testing::Test {
 protected:
  Settings() { catalogue_.add(kSettings); }

  static std::string problems(const std::vector<Problem>& all) {
    std::string out;
    for (const Problem& problem : all) out += to_string(problem) + "\n";
    return out;
  }
  std::string refused(Given given) { return problems(resolve(catalogue_, std::move(given)).problems); }
  Given flags(const std::vector<std::string>& words) { return from_flags(catalogue_, words); }
  Given variables(const std::vector<std::pair<std::string, std::string>>& all) {
    return from_environment(catalogue_, all, std::vector<std::string_view>{"GODWIT_BROKERS"});
  }

  Catalogue catalogue_;
};

TEST_F(Settings, HoldTheirFallbackWhenNobodySetsThem) {
  const auto resolution = resolve(catalogue_, {});
  EXPECT_EQ(problems(resolution.problems), "");
  EXPECT_EQ(resolution.values.integer("num.partitions"), 1);
  EXPECT_EQ(resolution.values.integer("log.retention.ms"), 7 * 86400 * 1000);
  EXPECT_FALSE(resolution.values.is_set("memory.arena"));
  EXPECT_FALSE(resolution.values.is_given("num.partitions"));
}

TEST_F(Settings, AFlagBeatsTheEnvironmentThatBeatsTheFileThatBeatsTheMachine) {
  Given given = flags({"--num.partitions", "4"});
  given.append(variables({{"GODWIT_NUM_PARTITIONS", "3"}, {"GODWIT_LEVEL", "debug"}}));
  given.append(from_toml("num.partitions = 2\nlevel = 'warning'\nmemory.arena = '1GiB'", "f.toml"));
  given.assignments.push_back({"memory.arena", "5", Source::automatic, "a quarter"});
  const auto resolution = resolve(catalogue_, given);
  EXPECT_EQ(problems(resolution.problems), "");
  EXPECT_EQ(resolution.values.integer("num.partitions"), 4);
  EXPECT_EQ(origin(resolution.values.of("num.partitions")), "--num.partitions");
  EXPECT_EQ(resolution.values.text("level"), "debug");
  EXPECT_EQ(origin(resolution.values.of("level")), "GODWIT_LEVEL");
  EXPECT_EQ(resolution.values.bytes("memory.arena"), uint64_t{1} << 30);
  EXPECT_EQ(origin(resolution.values.of("memory.arena")), "f.toml:3:8");
}

TEST_F(Settings, AFileMayWriteAKeyInEachWayThatTomlHas) {
  for (const char* text : {"num.partitions = 7", "\"num.partitions\" = 7", "[num]\npartitions = 7",
                           "num = { partitions = 7 }", "num.partitions = '7'"}) {
    const auto resolution = resolve(catalogue_, from_toml(text, "f"));
    EXPECT_EQ(problems(resolution.problems), "") << text;
    EXPECT_EQ(resolution.values.integer("num.partitions"), 7) << text;
  }
  const auto resolution =
      resolve(catalogue_, from_toml("cleanup.policy = ['delete', 'compact']\nauto.create = false", "f"));
  EXPECT_EQ(resolution.values.list("cleanup.policy"), (std::vector<std::string>{"delete", "compact"}));
  EXPECT_FALSE(resolution.values.boolean("auto.create"));
}

TEST_F(Settings, ATypoInAFileIsToldWithLineAndTheNearestName) {
  EXPECT_EQ(refused(from_toml("# a comment\n\nnum.partition = 3\n", "godwit.toml")),
            "godwit.toml:3:5: unknown setting num.partition; did you mean num.partitions?\n");
  EXPECT_EQ(refused(from_toml("nothing.like.any.of.them = 3\n", "f")),
            "f:1:21: unknown setting nothing.like.any.of.them; 'godwit config --doc' lists all settings\n");
}

TEST_F(Settings, AValueThatDoesNotFitIsToldWithItsPlace) {
  EXPECT_EQ(refused(from_toml("num.partitions = 0\nauto.create = 'yes'\n", "f")),
            "f:1:5: num.partitions: '0' is below 1\nf:2:6: auto.create: 'yes' is not true or false\n");
  EXPECT_EQ(refused(flags({"--num.partitions=many"})),
            "--num.partitions: num.partitions: 'many' is not a whole number\n");
  EXPECT_EQ(refused(variables({{"GODWIT_CLEANUP_POLICY", "burn"}})),
            "GODWIT_CLEANUP_POLICY: cleanup.policy: 'burn' is none of delete, compact\n");
}

TEST_F(Settings, WhatAStrongerSourceHidesIsCheckedAllTheSame) {
  Given given = from_toml("num.partitions = -3", "f");
  given.append(flags({"--num.partitions", "2"}));
  EXPECT_EQ(refused(given), "f:1:5: num.partitions: '-3' is below 1\n");
}

TEST_F(Settings, ADocumentThatIsNoTomlGivesOneProblemWithItsPlace) {
  const Given given = from_toml("num.partitions = 3\nnum partitions = 4\n", "f");
  ASSERT_EQ(given.problems.size(), 1u);
  EXPECT_TRUE(given.problems[0].where.starts_with("f:2:")) << given.problems[0].where;
  EXPECT_TRUE(given.assignments.empty());
  EXPECT_TRUE(from_toml("a = 1\na = 2", "f").problems[0].where.starts_with("f:2:"));
}

TEST_F(Settings, ADocumentThatBreaksTheParsersAssumptionsIsRefusedToo) {
  for (const char* text : {"[+", "a = 1\n[+x]\n"}) {
    const Given given = from_toml(text, "f");
    ASSERT_EQ(given.problems.size(), 1u) << text;
    EXPECT_TRUE(given.assignments.empty());
  }
}

TEST_F(Settings, OneNameGivenTwiceInDifferentSpellingsIsRefused) {
  EXPECT_EQ(refused(from_toml("\"num.partitions\" = 1\nnum.partitions = 2\n", "f")),
            "f:2:5: num.partitions: is given twice\n");
}

TEST_F(Settings, WhatNoSettingCanHoldIsRefused) {
  EXPECT_NE(refused(from_toml("level = 1979-05-27", "f")).find("no setting's value"), std::string::npos);
  EXPECT_NE(refused(from_toml("cleanup.policy = [['delete']]", "f")).find("texts and numbers"),
            std::string::npos);
  EXPECT_NE(refused(from_toml("cleanup.policy = ['delete,compact']", "f")).find("no comma"),
            std::string::npos);
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "a.";
  EXPECT_NE(refused(from_toml(deep + "b = 1", "f")).find("nested deeper"), std::string::npos);
}

TEST_F(Settings, FlagsTakeDashesAliasesAndBothFormsOfAValue) {
  const auto resolution =
      resolve(catalogue_,
              flags({"--kafka", "h:1", "--num-partitions=5", "--auto.create", "--log.retention.ms", "-1"}));
  EXPECT_EQ(problems(resolution.problems), "");
  EXPECT_EQ(resolution.values.text("kafka.address"), "h:1");
  EXPECT_EQ(resolution.values.integer("num.partitions"), 5);
  EXPECT_EQ(resolution.values.integer("log.retention.ms"), -1);
  EXPECT_TRUE(resolution.values.boolean("auto.create"));
  EXPECT_FALSE(resolve(catalogue_, flags({"--auto.create", "false"})).values.boolean("auto.create"));
  EXPECT_EQ(resolve(catalogue_, flags({"--level", "a", "--level", "b"})).values.text("level"), "b")
      << "the last one holds";
}

TEST_F(Settings, WrongFlagsAreTold) {
  EXPECT_EQ(refused(flags({"--num-partition", "3", "--level", "x", "stray"})),
            "--num-partition: unknown flag; did you mean num.partitions?\n"
            "stray: is no flag; settings are written --name value\n");
  EXPECT_EQ(refused(flags({"--level"})), "--level: needs a value\n");
}

TEST_F(Settings, UnknownVariablesAreToldExceptThoseOfOthers) {
  EXPECT_EQ(
      refused(variables({{"GODWIT_NUM_PARTITION", "3"}})),
      "GODWIT_NUM_PARTITION: this environment variable is no setting; did you mean GODWIT_NUM_PARTITIONS?\n");
  EXPECT_EQ(refused(variables({{"GODWIT_BROKERS", "b:1"},
                               {"PATH", "/bin"},
                               {"GODWIT_SERVICE_HOST", "10.0.0.1"},
                               {"GODWIT_SERVICE_PORT_KAFKA", "9092"},
                               {"GODWIT_PORT", "tcp://10.0.0.1:9092"},
                               {"GODWIT_PORT_9092_TCP_ADDR", "10.0.0.1"}})),
            "")
      << "what Kubernetes sets for a service called godwit is no mistake";
  EXPECT_EQ(resolve(catalogue_, variables({{"GODWIT_KAFKA", "h:2"}})).values.text("kafka.address"), "h:2");
}

TEST_F(Settings, ASecretIsNeverPrinted) {
  Given given = flags({"--password", "sesame"});
  const auto resolution = resolve(catalogue_, given);
  EXPECT_EQ(effective_table(catalogue_, resolution.values).find("sesame"), std::string::npos);
  EXPECT_NE(effective_table(catalogue_, resolution.values).find("(hidden)"), std::string::npos);
}

TEST_F(Settings, APasswordThatWasTypedIntoAnAddressIsNotPrinted) {
  const Setting setting{.name = "coordination", .doc = "where"};
  EXPECT_EQ(shown(setting, "etcd://root:secret@h:2379,i:2379/x"), "etcd://(hidden)@h:2379,i:2379/x");
  EXPECT_EQ(shown(setting, "etcd://root:se@cr/et@h:2379"), "etcd://(hidden)@h:2379");
  for (const char* as_it_is :
       {"etcd://h:2379,i:2379", "managed-etcd://1@h:2379,2@i:2379,3@j:2379", "local", "me@home: well"})
    EXPECT_EQ(shown(setting, as_it_is), as_it_is);
}

TEST_F(Settings, TheTableSaysWhereEachValueCameFrom) {
  const auto resolution = resolve(catalogue_, flags({"--level", "debug"}));
  const std::string table = effective_table(catalogue_, resolution.values);
  EXPECT_NE(table.find("level             debug   --level\n"), std::string::npos) << table;
  EXPECT_NE(table.find("num.partitions    1       default\n"), std::string::npos) << table;
}

TEST_F(Settings, TheMarkdownTableNamesAllAndEscapesBars) {
  const std::string table = markdown_table(catalogue_);
  EXPECT_NE(table.find("| `num.partitions` | how \\| many | integer | `1` | yes |\n"), std::string::npos)
      << table;
  EXPECT_NE(table.find("| `memory.arena` | memory | bytes | a quarter | yes |\n"), std::string::npos)
      << table;
  EXPECT_NE(table.find("| `kafka.address`, also `--kafka` |"), std::string::npos) << table;
  EXPECT_NE(table.find("list of `delete`, `compact`"), std::string::npos) << table;
}

TEST_F(Settings, AReloadTellsWhatChangedAndWhatWaitsForAStart) {
  const auto before = resolve(catalogue_, from_toml("num.partitions = 2", "f")).values;
  const auto after = resolve(catalogue_, from_toml("num.partitions = 3\nlevel = 'debug'", "f")).values;
  const auto changes = compare(catalogue_, before, after);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].name, "level");
  EXPECT_FALSE(changes[0].restart);
  EXPECT_EQ(changes[1].name, "num.partitions");
  EXPECT_TRUE(changes[1].restart);
  EXPECT_EQ(changes[1].before.text, "2");
  EXPECT_EQ(changes[1].after.text, "3");
}

using SettingsDeathTest = Settings;

TEST_F(SettingsDeathTest, AMistakeInADeclarationStopsTheProgram) {
  EXPECT_DEATH(catalogue_.add(Setting{.name = "num.partitions.more", .fallback = "x"}), "continues");
  EXPECT_DEATH(catalogue_.add(Setting{.name = "kafka", .fallback = "x"}), "");
  EXPECT_DEATH(catalogue_.add(Setting{.name = "number", .type = Type::integer, .fallback = "x"}), "fallback");
  EXPECT_DEATH(catalogue_.add(Setting{.name = "a-b", .fallback = "x"}), "dots");
}

}  // namespace
}  // namespace godwit::config
