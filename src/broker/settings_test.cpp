#include "broker/settings.h"

#include <gtest/gtest.h>

#include "broker/topic_settings.h"

namespace godwit::broker {
namespace {

class BrokerSettings : public testing::Test {
 protected:
  BrokerSettings() { catalogue_.add(settings()); }

  Result<BrokerOptions> options(const std::vector<std::string>& flags) {
    config::Given given = automatic_settings({.cores = 2, .memory = uint64_t{2} << 30});
    given.append(config::from_flags(catalogue_, flags));
    auto resolution = config::resolve(catalogue_, std::move(given));
    if (!resolution.problems.empty()) return fail(ErrorKind::invalid, to_string(resolution.problems.front()));
    return options_from(resolution.values);
  }
  std::string refused(const std::vector<std::string>& flags) {
    const auto made = options(flags);
    return made ? "" : made.error().message;
  }

  config::Catalogue catalogue_;
};

TEST_F(BrokerSettings, WithNothingConfiguredTheDefaultsOfTheOptionsHold) {
  const auto made = options({});
  ASSERT_TRUE(made) << made.error().message;
  const BrokerOptions expected;
  EXPECT_EQ(made->id, expected.id);
  EXPECT_EQ(made->listeners.size(), 1u);
  EXPECT_EQ(made->listeners[0].bind, (runtime::Endpoint{"", 9092}));
  EXPECT_FALSE(made->listeners[0].advertised);
  EXPECT_EQ(made->connections_max, expected.connections_max);
  EXPECT_EQ(made->request_bytes_max, expected.request_bytes_max);
  EXPECT_EQ(made->request_memory, expected.request_memory);
  EXPECT_EQ(made->response_memory, expected.response_memory);
  EXPECT_EQ(made->requests_in_flight_max, expected.requests_in_flight_max);
  EXPECT_EQ(made->idle_timeout, expected.idle_timeout);
  EXPECT_EQ(made->send_timeout, expected.send_timeout);
  EXPECT_EQ(made->shutdown_timeout, expected.shutdown_timeout);
  EXPECT_EQ(made->auto_create_topics, expected.auto_create_topics);
  EXPECT_EQ(made->default_partitions, expected.default_partitions);
  EXPECT_EQ(made->default_replication_factor, expected.default_replication_factor);
  EXPECT_EQ(made->offsets_topic_partitions, expected.offsets_topic_partitions);
  EXPECT_EQ(made->partitions_max, expected.partitions_max);
  EXPECT_EQ(made->fetch_bytes_max, expected.fetch_bytes_max);
  EXPECT_EQ(made->fetch_sessions_max, expected.fetch_sessions_max);
  EXPECT_TRUE(made->topic_defaults.empty());
  EXPECT_EQ(made->store.journal_file_bytes, expected.store.journal_file_bytes);
  EXPECT_EQ(made->store.journal_files, expected.store.journal_files);
  EXPECT_EQ(made->store.read_buffer_bytes, expected.store.read_buffer_bytes);
  EXPECT_EQ(made->store.reserve_bytes, expected.store.reserve_bytes);
  EXPECT_FALSE(made->store.ballast_bytes);
  EXPECT_EQ(made->store.retention_interval, expected.store.retention_interval);
  EXPECT_EQ(made->store.compaction_interval, expected.store.compaction_interval);
  EXPECT_EQ(made->store.checkpoint_interval, expected.store.checkpoint_interval);
  EXPECT_EQ(made->groups.initial_rebalance_delay, expected.groups.initial_rebalance_delay);
  EXPECT_EQ(made->groups.session_timeout_min, expected.groups.session_timeout_min);
  EXPECT_EQ(made->groups.session_timeout_max, expected.groups.session_timeout_max);
  EXPECT_EQ(made->groups.group_size_max, expected.groups.group_size_max);
  EXPECT_EQ(made->groups.offset_metadata_bytes_max, expected.groups.offset_metadata_bytes_max);
  EXPECT_EQ(made->groups.write_timeout, expected.groups.write_timeout);
  EXPECT_FALSE(made->groups.offsets_retention);
}

TEST_F(BrokerSettings, TheArenaIsAQuarterOfTheMemoryAtMostOneGibibyte) {
  EXPECT_EQ(options({})->store.arena_bytes, uint64_t{512} << 20);
  EXPECT_EQ(automatic_settings({.cores = 1, .memory = uint64_t{64} << 30}).assignments[0].value,
            "1073741824");
  EXPECT_EQ(options({"--memory.arena", "96MiB"})->store.arena_bytes, uint64_t{96} << 20);
}

TEST_F(BrokerSettings, SeveralListenersWithTheirAdvertisedAddresses) {
  const auto made =
      options({"--listeners", "IN://10.0.0.1:1, OUT://:2", "--advertised.listeners", "OUT://h:3"});
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->listeners.size(), 2u);
  EXPECT_EQ(made->listeners[0].name, "IN");
  EXPECT_FALSE(made->listeners[0].advertised);
  EXPECT_EQ(made->listeners[1].bind, (runtime::Endpoint{"", 2}));
  EXPECT_EQ(made->listeners[1].advertised, (runtime::Endpoint{"h", 3}));
}

TEST_F(BrokerSettings, AddressesThatCannotBeMeantAreRefused) {
  EXPECT_NE(refused({"--listeners", "A://:1,A://:2"}).find("named twice"), std::string::npos);
  EXPECT_NE(refused({"--listeners", "nothing"}).find("is not NAME://HOST:PORT"), std::string::npos);
  EXPECT_NE(refused({"--listeners", "lower://:1"}).find("capital letters"), std::string::npos);
  EXPECT_NE(refused({"--listeners", "SASL_SSL://:1"}).find("does not have"), std::string::npos);
  EXPECT_NE(refused({"--advertised.listeners", "PLAINTEXT://0.0.0.0:1"}).find("all addresses"),
            std::string::npos);
  EXPECT_NE(refused({"--kafka", "h:70000"}).find("--kafka: kafka.address"), std::string::npos);
}

TEST_F(BrokerSettings, DefaultsOfTopicSettingsTakeUnitsAndGoOnAsPlainNumbers) {
  const auto made = options({"--log.retention.ms", "2d", "--log.segment.bytes", "64MiB",
                             "--log.cleanup.policy", "compact", "--min.insync.replicas", "2"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->topic_defaults, (cluster::ConfigMap{{"cleanup.policy", "compact"},
                                                      {"min.insync.replicas", "2"},
                                                      {"retention.ms", "172800000"},
                                                      {"segment.bytes", "67108864"}}));
  for (const auto& [name, value] : made->topic_defaults)
    EXPECT_FALSE(check_topic_setting(name, value)) << name;
  const TopicSettings effective = effective_settings({}, made->topic_defaults, false);
  EXPECT_EQ(effective.log.retention_ms, 172'800'000);
  EXPECT_EQ(effective.log.segment_bytes, 67'108'864);
}

TEST_F(BrokerSettings, TheFinerOfKafkasRetentionNamesHolds) {
  EXPECT_EQ(options({"--log.retention.hours", "2"})->topic_defaults["retention.ms"], "7200000");
  EXPECT_EQ(
      options({"--log.retention.hours", "2", "--log.retention.minutes", "3"})->topic_defaults["retention.ms"],
      "180000");
  EXPECT_EQ(
      options({"--log.retention.minutes", "3", "--log.retention.ms", "4"})->topic_defaults["retention.ms"],
      "4");
  EXPECT_EQ(options({"--log.retention.hours", "-1"})->topic_defaults["retention.ms"], "-1");
  EXPECT_EQ(options({"--log.roll.hours", "1"})->topic_defaults["segment.ms"], "3600000");
}

TEST_F(BrokerSettings, ADefaultThatIsGivenHoldsAlsoWhereItIsTheUsualOne) {
  EXPECT_EQ(options({"--min.insync.replicas", "1"})->topic_defaults,
            (cluster::ConfigMap{{"min.insync.replicas", "1"}}));
  EXPECT_EQ(options({"--log.retention.hours", "168"})->topic_defaults,
            (cluster::ConfigMap{{"retention.ms", "604800000"}}));
  EXPECT_EQ(options({"--log.roll.ms", "7d"})->topic_defaults,
            (cluster::ConfigMap{{"segment.ms", "604800000"}}));
}

TEST_F(BrokerSettings, DefaultsThatNoTopicCouldSetAreRefusedWithTheirPlace) {
  const auto begins = [&](const std::vector<std::string>& flags, const std::string& text) {
    return refused(flags).starts_with(text);
  };
  EXPECT_TRUE(begins({"--remote.storage.enable", "true"},
                     "--remote.storage.enable: remote.storage.enable: there is no"));
  EXPECT_EQ(refused({"--remote.storage.enable", "false"}), "");
  EXPECT_TRUE(begins({"--compression.gzip.level", "0"},
                     "--compression.gzip.level: compression.gzip.level: is -1 or"));
  EXPECT_TRUE(begins({"--leader.replication.throttled.replicas", "all"},
                     "--leader.replication.throttled.replicas: "));
  EXPECT_TRUE(begins({"--follower.replication.throttled.replicas", "1"},
                     "--follower.replication.throttled.replicas: "));
  EXPECT_EQ(refused({"--follower.replication.throttled.replicas", "*"}), "");
  EXPECT_TRUE(
      begins({"--log.cleaner.min.compaction.lag.ms", "2s", "--log.cleaner.max.compaction.lag.ms", "1s"},
             "--log.cleaner.min.compaction.lag.ms: log.cleaner.min.compaction.lag.ms: "));
}

TEST_F(BrokerSettings, ProducersAreForgottenAfterADayOrAsConfigured) {
  EXPECT_EQ(options({})->producer_expiration, std::chrono::hours(24));
  EXPECT_EQ(options({})->producer_expiration, BrokerOptions().producer_expiration);
  EXPECT_EQ(options({"--producer.id.expiration.ms", "7d"})->producer_expiration, std::chrono::days(7));
  EXPECT_NE(refused({"--producer.id.expiration.ms", "0"}), "");
}

TEST_F(BrokerSettings, ContradictionsAreRefused) {
  EXPECT_NE(refused({"--group.min.session.timeout.ms", "1h"}).find("is above group.max"), std::string::npos);
  EXPECT_NE(refused({"--default.replication.factor", "0"}).find("1 or more, or -1"), std::string::npos);
  EXPECT_NE(refused({"--cluster.id", "x"}).find("22 characters"), std::string::npos);
  EXPECT_NE(refused({"--data.dir", ""}).find("names no directory"), std::string::npos);
}

}  // namespace
}  // namespace godwit::broker
