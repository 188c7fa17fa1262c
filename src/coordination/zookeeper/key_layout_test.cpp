#include "coordination/zookeeper/key_layout.h"

#include <gtest/gtest.h>

#include <set>

namespace godwit::coordination::zookeeper {
namespace {

TEST(KeyLayout, AKeyBelongsToTheGroupOfItsFirstSegment) {
  EXPECT_EQ(group_of("/topics/AbC"), "/topics/");
  EXPECT_EQ(group_of("/topics/AbC/7"), "/topics/");
  EXPECT_EQ(group_of("/topics/"), "/topics/");
  EXPECT_EQ(group_of("/topics"), "");
  EXPECT_EQ(group_of("topics/AbC"), "topics/");
  EXPECT_EQ(group_of("//x"), "//");
  EXPECT_EQ(group_of("/"), "");
  EXPECT_EQ(group_of(""), "");
}

TEST(KeyLayout, APrefixFindsAllGroupsThatMayHoldItsKeys) {
  EXPECT_EQ(group_of_prefix("/topics/A"), "/topics/");
  EXPECT_FALSE(group_of_prefix("/topics"));
  EXPECT_FALSE(group_of_prefix(""));
  EXPECT_TRUE(group_may_hold("/topics/", "/top"));
  EXPECT_TRUE(group_may_hold("/topics/", ""));
  EXPECT_TRUE(group_may_hold("/topics/", "/topics/A"));
  EXPECT_FALSE(group_may_hold("/topics/", "/brokers/"));
  EXPECT_TRUE(group_may_hold("", "/top")) << "'/topping' has no group";
}

TEST(KeyLayout, NodesStandWhereTheFormatSays) {
  const KeyLayout layout("/prod");
  EXPECT_EQ(layout.key("/partitions/AbC_-/00000001").substr(0, 25),
            "/prod/keys/+partitions+/" + layout.bucket("/partitions/AbC_-/00000001").substr(24, 1));
  EXPECT_EQ(layout.key("/partitions/AbC_-/00000001"),
            layout.bucket("/partitions/AbC_-/00000001") + "/AbC_-+00000001");
  EXPECT_EQ(layout.changes("/brokers/"), "/prod/changes/+brokers+");
  EXPECT_EQ(layout.created(""), "/prod/created/@");
  EXPECT_EQ(layout.lease_marker("/brokers/1"), "/prod/changes/+brokers+/1");
  EXPECT_EQ(layout.key("/topics/"), layout.bucket("/topics/") + "/@");
}

TEST(KeyLayout, KeysOfOneSecondSegmentShareABucketAndOthersAreSpread) {
  const KeyLayout layout("/r");
  EXPECT_EQ(layout.bucket("/p/topic/1"), layout.bucket("/p/topic/2"));
  EXPECT_EQ(layout.bucket_of_prefix("/p/topic/"), layout.bucket("/p/topic/2"));
  EXPECT_FALSE(layout.bucket_of_prefix("/p/topic")) << "'/p/topic2' begins so too";
  std::set<std::string> buckets;
  for (int i = 0; i < 10'000; ++i) buckets.insert(layout.bucket("/p/" + std::to_string(i)));
  EXPECT_EQ(buckets.size(), 256u);
}

TEST(KeyLayout, EveryKeyHasANodeNameOfItsOwnAndIsReadBackFromIt) {
  std::set<std::string> names;
  std::vector<std::string> texts{"",     ".",   "..",        "a.b", ".a",  "@",   "+", "%",
                                 "%2F",  "/",   "//",        "a/b", "a+b", "a%b", "ä", std::string("\0", 1),
                                 "a\nb", "a b", "zookeeper", "~"};
  for (int byte = 0; byte < 256; ++byte) texts.push_back("x" + std::string(1, static_cast<char>(byte)));
  for (const auto& text : texts) {
    const std::string name = encode_name(text);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+%@"),
              name.npos);
    EXPECT_FALSE(name.starts_with('.'));
    EXPECT_EQ(decode_name(name), text);
  }
}

TEST(KeyLayout, NamesThatGodwitNeverGivesAreNotKeys) {
  for (const char* name : {"", ".", "..", ".a", "%", "%2", "%2f", "%41", "a b", "%2F", "a@"}) {
    EXPECT_FALSE(decode_name(name)) << name;
  }
}

TEST(KeyLayout, ParentsComeBeforeTheirChildrenAndTheNodeThatProvesThemLast) {
  const auto paths = KeyLayout("/a/b").parents_of_group("/topics/");
  std::set<std::string> there{""};
  for (const auto& path : paths) {
    EXPECT_TRUE(there.contains(path.substr(0, path.rfind('/')))) << path;
    there.insert(path);
  }
  EXPECT_EQ(paths.back(), "/a/b/created/+topics+");
}

}  // namespace
}  // namespace godwit::coordination::zookeeper
