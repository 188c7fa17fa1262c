#include "broker/topic_settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "broker/topic_settings_table.h"
#include "broker/topic_settings_view.h"

namespace godwit::broker {
namespace {

TEST(TopicSettings, ATopicThatSetsNothingHasKafkasDefaultsAndIsSynced) {
  const TopicSettings settings = effective_settings({}, {}, false);
  EXPECT_EQ(settings.log.retention_ms, 604'800'000);
  EXPECT_EQ(settings.log.retention_bytes, -1);
  EXPECT_EQ(settings.log.segment_bytes, 1 << 30);
  EXPECT_EQ(settings.max_message_bytes, 1'048'588);
  EXPECT_TRUE(settings.log.cleanup_delete);
  EXPECT_FALSE(settings.log.cleanup_compact);
  EXPECT_EQ(settings.log.flush, storage::LogConfig::Flush::always);
  EXPECT_FALSE(settings.compression);
}

TEST(TopicSettings, TheTopicsOwnValueGoesBeforeTheBrokersDefault) {
  const cluster::ConfigMap defaults{{"retention.ms", "1000"}, {"segment.ms", "2000"}};
  const TopicSettings settings = effective_settings({{"retention.ms", "5"}}, defaults, false);
  EXPECT_EQ(settings.log.retention_ms, 5);
  EXPECT_EQ(settings.log.segment_ms, 2000);
}

TEST(TopicSettings, FlushSaysWhatIsPromisedAndFlushMessagesOneSaysAlways) {
  using Flush = storage::LogConfig::Flush;
  EXPECT_EQ(effective_settings({{"flush", "interval"}}, {}, false).log.flush, Flush::interval);
  EXPECT_EQ(effective_settings({{"flush", "interval"}}, {}, false).log.flush_ms, 1000);
  EXPECT_EQ(effective_settings({{"flush", "interval"}, {"flush.ms", "50"}}, {}, false).log.flush_ms, 50);
  EXPECT_EQ(effective_settings({{"flush", "interval"}, {"flush.messages", "1"}}, {}, false).log.flush,
            Flush::always);
  EXPECT_EQ(effective_settings({{"flush", "interval"}}, {}, true).log.flush, Flush::always)
      << "internal topics";
}

TEST(TopicSettings, CompressionTypeNamesACodecOrLeavesBatchesAlone) {
  EXPECT_EQ(effective_settings({{"compression.type", "zstd"}}, {}, false).compression, CompressionType::zstd);
  EXPECT_EQ(effective_settings({{"compression.type", "uncompressed"}}, {}, false).compression,
            CompressionType::none);
  EXPECT_EQ(effective_settings({{"compression.type", "gzip"}, {"compression.gzip.level", "9"}}, {}, false)
                .compression_level,
            9);
}

TEST(TopicSettings, BadValuesAndUnknownNamesAreRefusedWithAReason) {
  EXPECT_FALSE(check_topic_setting("retention.ms", "-1"));
  EXPECT_TRUE(check_topic_setting("retention.ms", "-2"));
  EXPECT_TRUE(check_topic_setting("retention.ms", "soon"));
  EXPECT_TRUE(check_topic_setting("cleanup.policy", "shred"));
  EXPECT_TRUE(check_topic_setting("remote.storage.enable", "true"));
  const auto typo = check_topic_setting("retention.mss", "1");
  ASSERT_TRUE(typo);
  EXPECT_NE(typo->find("did you mean retention.ms?"), std::string::npos) << *typo;
}

TEST(TopicSettings, NoBatchMayBeLargerThanWhatEveryPartOfTheBrokerTakes) {
  EXPECT_FALSE(check_topic_setting("max.message.bytes", "104857600"));
  EXPECT_TRUE(check_topic_setting("max.message.bytes", "104857601"));
  EXPECT_FALSE(check_broker_default("message.max.bytes", "104857600"));
  EXPECT_TRUE(check_broker_default("message.max.bytes", "2147483647"));
}

TEST(TopicSettings, OfAValueThatIsRefusedNothingTakesEffectWhereverItIsStored) {
  const cluster::ConfigMap bad{{"compression.type", "gzip"},
                               {"compression.gzip.level", "0"},
                               {"flush.ms", "never"},
                               {"follower.replication.throttled.replicas", "nonsense"}};
  for (const bool topic : {true, false}) {
    const TopicSettings settings =
        topic ? effective_settings(bad, {}, false) : effective_settings({}, bad, false);
    EXPECT_EQ(settings.compression_level, -1);
    EXPECT_EQ(settings.log.flush_ms, 1000);
    EXPECT_EQ(settings.follower_throttled, ThrottledReplicas());
  }
  EXPECT_EQ(effective_settings({{"compression.type", "gzip"}, {"compression.gzip.level", "0"}},
                               {{"compression.gzip.level", "7"}}, false)
                .compression_level,
            7);
}

TEST(TopicSettings, ABrokersDefaultIsRefusedWhereTheTopicsSettingWouldBe) {
  const auto refused = [](const char* name, const char* value) {
    return check_broker_default(name, value).value_or("");
  };
  EXPECT_EQ(refused("log.retention.ms", "-1"), "");
  EXPECT_EQ(refused("log.retention.ms", "-2").find("log.retention.ms: "), 0u) << "the broker's name";
  EXPECT_NE(refused("retention.ms", "1"), "") << "a topic's name is none of a broker's";
  EXPECT_EQ(refused("remote.storage.enable", "false"), "");
  EXPECT_EQ(refused("remote.storage.enable", "true"), "remote.storage.enable: there is no tiered storage");
  EXPECT_EQ(refused("compression.gzip.level", "9"), "");
  for (const char* zero : {"0", "00"})
    EXPECT_EQ(refused("compression.gzip.level", zero), "compression.gzip.level: is -1 or 1 to 9");
  for (const char* name :
       {"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"}) {
    EXPECT_EQ(refused(name, "*"), "");
    EXPECT_EQ(refused(name, "0:1,1:2"), "");
    EXPECT_EQ(refused(name, "nonsense"), std::string(name) + ": is * or a list of PARTITION:BROKER");
  }
}

TEST(TopicSettings, LagsAreRefusedThatContradictEachOtherOrWhatHoldsBesides) {
  const cluster::ConfigMap low{{"min.compaction.lag.ms", "5"}};
  const cluster::ConfigMap high{{"max.compaction.lag.ms", "4"}};
  const cluster::ConfigMap both{{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "4"}};
  EXPECT_FALSE(check_topic_settings_together(low, {}));
  EXPECT_FALSE(check_topic_settings_together(high, {}));
  EXPECT_TRUE(check_topic_settings_together(both, {}));
  EXPECT_TRUE(check_topic_settings_together(low, high));
  EXPECT_TRUE(check_topic_settings_together(high, low));
  EXPECT_FALSE(check_topic_settings_together({{"min.compaction.lag.ms", "4"}}, both)) << "the topic's holds";
  EXPECT_FALSE(check_topic_settings_together({{"retention.ms", "4"}}, both)) << "that is not its fault";
  EXPECT_TRUE(check_broker_defaults_together({{"log.cleaner.min.compaction.lag.ms", "5"}}, high));
  EXPECT_TRUE(check_broker_defaults_together(
      {{"log.cleaner.min.compaction.lag.ms", "5"}, {"log.cleaner.max.compaction.lag.ms", "4"}}, {}));
  EXPECT_FALSE(check_broker_defaults_together({{"log.cleaner.min.compaction.lag.ms", "4"}}, high));
}

// A value that the setting takes and that is not its default.
std::string other_value(const config::Setting& setting) {
  for (const std::string_view choice : setting.choices) {
    if (choice != setting.fallback) return std::string(choice);
  }
  for (const char* value : {"true", "7", "0.25", "1:2", "7000000"}) {
    if (value != setting.fallback && !check_topic_setting(setting.name, value)) return value;
  }
  return "";
}

// What a topic goes by that sets it, among what makes it count.
std::pair<TopicSettings, int> going_by(cluster::ConfigMap config) {
  cluster::Topic topic;
  topic.config = config;
  topic.partitions.emplace_back().replicas = {BrokerId(1), BrokerId(2), BrokerId(3)};
  return {effective_settings(config, {}, false), cluster::min_insync(topic, {})};
}

TEST(TopicSettings, TheTableSaysOfEachWhatBecomesOfItsValue) {
  std::map<Effect, int> seen;
  for (const TopicSettingRow& row : topic_setting_rows()) {
    const std::string name(row.setting.name);
    ++seen[row.effect];
    const std::string value = other_value(row.setting);
    if (row.effect == Effect::refused) {
      EXPECT_EQ(value, "") << name;
      EXPECT_FALSE(check_topic_setting(name, row.setting.fallback)) << name;
      EXPECT_TRUE(check_topic_setting(name, "true")) << name;
      continue;
    }
    ASSERT_NE(value, "") << name;
    std::string codec;
    if (name.starts_with("compression.") && name.ends_with(".level"))
      codec = name.substr(12, name.size() - 18);
    cluster::ConfigMap others{{"flush", "interval"}};
    if (!codec.empty()) others["compression.type"] = codec;
    others.erase(name);
    cluster::ConfigMap with = others;
    with[name] = value;
    const bool counts = going_by(with) != going_by(others);
    EXPECT_EQ(counts, row.effect == Effect::honoured) << name << " = " << value;
    if (row.effect == Effect::in_part) {
      with[name] = "1";
      EXPECT_NE(going_by(with), going_by(others)) << name << " = 1";
    }
    const bool said = row.setting.doc.starts_with("accepted without effect: ");
    EXPECT_EQ(said, row.effect == Effect::without_effect) << name;
  }
  EXPECT_EQ(seen[Effect::in_part], 1) << "flush.messages";
  EXPECT_EQ(seen[Effect::refused], 1) << "remote.storage.enable";
  EXPECT_EQ(seen[Effect::without_effect], 8);
}

TEST(TopicSettings, ToolsSeeWhereEachValueComesFrom) {
  cluster::Topic topic;
  topic.config = {{"retention.ms", "5"}};
  const auto views = describe_topic_settings(topic, {{"retention.ms", "7"}}, cluster::Image(), BrokerId(1));
  const auto view =
      std::find_if(views.begin(), views.end(), [](const auto& v) { return v.name == "retention.ms"; });
  ASSERT_NE(view, views.end());
  EXPECT_EQ(view->value, "5");
  EXPECT_EQ(view->source, kSourceTopic);
  ASSERT_EQ(view->synonyms.size(), 2u) << "log.retention.ms has no default";
  EXPECT_EQ(view->synonyms[1].name, "log.retention.ms");
  EXPECT_EQ(view->synonyms[1].source, kSourceStaticBroker);

  const auto policy =
      std::find_if(views.begin(), views.end(), [](const auto& v) { return v.name == "cleanup.policy"; });
  ASSERT_NE(policy, views.end());
  ASSERT_EQ(policy->synonyms.size(), 1u);
  EXPECT_EQ(policy->synonyms[0].name, "log.cleanup.policy");
  EXPECT_EQ(policy->synonyms[0].source, kSourceDefault);
}

TEST(TopicSettings, DynamicBrokerDefaultsOverlayThoseOfTheStart) {
  cluster::Image image;
  image.broker_configs[kNoBroker] = {{"log.retention.ms", "2"}, {"log.segment.bytes", "1048576"}};
  image.broker_configs[BrokerId(1)] = {{"log.retention.ms", "3"}};
  const auto defaults = effective_defaults({{"retention.ms", "1"}}, image, BrokerId(1));
  EXPECT_EQ(defaults.at("retention.ms"), "3");
  EXPECT_EQ(defaults.at("segment.bytes"), "1048576");
}

}  // namespace
}  // namespace godwit::broker
