#include "cluster/setting_changes.h"

#include <gtest/gtest.h>

namespace godwit::cluster {
namespace {

TEST(SettingChanges, NameWhatChangedAndNothingElse) {
  const ConfigMap before{{"a", "1"}, {"b", "2"}, {"c", "3"}};
  EXPECT_EQ(describe_settings(before, {{"a", "1"}, {"b", "4"}, {"d", ""}}, {}),
            "b: 2 -> 4; c: 3 -> default; d: default -> ''");
  EXPECT_EQ(describe_settings(before, {{"b", "2"}, {"c", "3"}}, {{"a", "7"}, {"b", "8"}}),
            "a: 1 -> default (7)");
  EXPECT_EQ(describe_settings(before, before, {{"a", "7"}}), "");
}

TEST(SettingChanges, ShowNoSecret) {
  for (const char* const name :
       {"ssl.key.password", "SASL.JAAS.config", "client.secret", "auth.token", "tls.key"}) {
    const std::string text = describe_settings({{name, "hush"}}, {{name, "hush hush"}}, {{name, "hush"}});
    EXPECT_EQ(text, std::string(name) + ": (hidden) -> (hidden)");
    EXPECT_EQ(describe_settings({}, {{name, "hush"}}, {{name, "hush"}}),
              std::string(name) + ": default -> (hidden)");
  }
}

TEST(SettingChanges, AreBoundedWhateverTheirNumberAndLength) {
  ConfigMap many;
  for (int i = 0; i < 2'000; ++i) many["setting." + std::to_string(10'000 + i)] = std::string(2'000, 'v');
  many["setting.long." + std::string(5'000, 'n')] = "1";
  const std::string text = describe_settings({}, many, {});
  EXPECT_LE(text.size(), kSettingChangesMax);
  EXPECT_NE(text.find("setting.10000: default -> vvv"), std::string::npos);
  EXPECT_NE(text.find("v… (2000 bytes); setting.10001"), std::string::npos) << text;
  const size_t at = text.rfind("; and ");
  ASSERT_NE(at, std::string::npos);
  size_t named = 0;
  for (size_t from = 0; (from = text.find(": default ->", from)) != std::string::npos; ++from) ++named;
  EXPECT_EQ(text.substr(at), "; and " + std::to_string(many.size() - named) + " more");
  EXPECT_GT(named, 10u);
}

}  // namespace
}  // namespace godwit::cluster
