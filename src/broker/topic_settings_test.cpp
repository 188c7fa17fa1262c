#include "broker/topic_settings.h"

#include <gtest/gtest.h>

#include <algorithm>

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

TEST(TopicSettings, ToolsSeeWhereEachValueComesFrom) {
  const auto views = describe_topic_settings({{"retention.ms", "5"}}, {{"retention.ms", "7"}},
                                             cluster::Image(), BrokerId(1));
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
