// DescribeConfigs, AlterConfigs, IncrementalAlterConfigs.
#include "kafka/messages/alter_configs.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "script.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;
using Describe = kafka::DescribeConfigsRequest;
using Keys = std::optional<std::vector<std::string>>;
constexpr int8_t kTopic = 2;
constexpr int8_t kBroker = 4;
constexpr int8_t kLoggers = 8;
constexpr int8_t kClientMetrics = 16;
constexpr int8_t kGroup = 32;
// A setting of brokers that is a topic's default, and that no case of another family goes by.
const std::string kOfBrokers = "log.cleaner.delete.retention.ms";

Describe about(int8_t type, const std::string& name, Keys keys, bool synonyms = false,
               bool documentation = false) {
  return {.resources = {{type, name, std::move(keys)}},
          .include_synonyms = synonyms,
          .include_documentation = documentation};
}

void ask_describe(Script& s, const std::string& plain, const std::string& changed, int16_t v) {
  const std::string broker = std::to_string(s.broker().value());
  s.ask("topic as it was made, all", v, about(kTopic, plain, std::nullopt));
  s.ask("topic with overrides, all, synonyms", v, about(kTopic, changed, std::nullopt, true));
  s.ask("topic, no keys", v, about(kTopic, changed, std::vector<std::string>{}));
  s.ask("topic, one key", v, about(kTopic, changed, {{"retention.ms"}}));
  s.ask("topic, an unknown key", v, about(kTopic, changed, {{"no.such.setting", "retention.ms"}}));
  s.ask("topic, one key twice", v, about(kTopic, changed, {{"retention.ms", "retention.ms"}}));
  s.ask("topic, with documentation", v,
        about(kTopic, changed, {{"retention.ms", "cleanup.policy"}}, true, true));
  s.ask("unknown topic", v, about(kTopic, s.name("nowhere"), std::nullopt));
  s.ask("illegal topic name", v, about(kTopic, "a b", std::nullopt));
  s.ask("empty topic name", v, about(kTopic, "", std::nullopt));
  s.ask("broker, one key", v, about(kBroker, broker, {{"log.retention.ms"}}));
  s.ask("broker, keys that a topic falls back to", v,
        about(kBroker, broker,
              {{"log.cleanup.policy", "log.segment.bytes", "message.max.bytes", "compression.type",
                "min.insync.replicas", "num.partitions", "default.replication.factor",
                "auto.create.topics.enable"}},
              true));
  s.ask("broker, an unknown key", v, about(kBroker, broker, {{"no.such.setting"}}));
  s.ask("broker that is another", v, about(kBroker, "99", std::nullopt));
  s.ask("broker that is no number", v, about(kBroker, "one", std::nullopt));
  s.ask("brokers' dynamic defaults", v, about(kBroker, "", std::nullopt));
  s.ask("a broker's loggers", v, about(kLoggers, broker, {{"no.such.logger"}}));
  s.ask("a group", v, about(kGroup, "g", std::nullopt));
  s.ask("client metrics", v, about(kClientMetrics, "m", std::nullopt));
  s.ask("a resource type that is none", v, about(77, "x", std::nullopt));
  s.ask("the unknown resource type", v, about(0, "x", std::nullopt));
  s.ask("nothing", v, Describe{});
  Describe twice = about(kTopic, changed, {{"retention.ms"}});
  twice.resources.push_back({kTopic, changed, {{"cleanup.policy"}}});
  s.ask("one topic twice", v, twice);
  Describe both = about(kTopic, changed, {{"retention.ms"}});
  both.resources.push_back({kTopic, s.name("nowhere"), std::nullopt});
  s.ask("one known topic, one unknown", v, both);
}

using Alter = kafka::AlterConfigsRequest;

Alter replace(int8_t type, const std::string& name, std::vector<Alter::Config> configs,
              bool validate_only = false) {
  return {.resources = {{type, name, std::move(configs)}}, .validate_only = validate_only};
}

// What the topic has of its own afterwards.
void look(Script& s, std::string_view what, int16_t v, const std::string& topic) {
  // Kafka's broker hears of a change some time after the answer to it.
  s.pause(200);
  s.ask(std::string(what) + ", by v" + std::to_string(v), 4,
        about(kTopic, topic, {{"retention.ms", "cleanup.policy", "max.message.bytes", "segment.ms"}}));
}

void look_at_broker(Script& s, const std::string& what, int16_t v, const std::string& name) {
  s.pause(200);
  s.ask(what + ", by v" + std::to_string(v), 4, about(kBroker, name, {{kOfBrokers}}, true));
}

void ask_alter(Script& s, int16_t v) {
  const std::string orders = s.create("orders", {.configs = {{"cleanup.policy", "compact"}}});
  s.ask("one setting", v, replace(kTopic, orders, {{"max.message.bytes", "5000"}}));
  look(s, "after AlterConfigs replaced all", v, orders);
  s.ask("only to be validated", v, replace(kTopic, orders, {{"max.message.bytes", "7000"}}, true));
  s.ask("only to be validated, wrong", v, replace(kTopic, orders, {{"max.message.bytes", "-7"}}, true));
  look(s, "after AlterConfigs validated", v, orders);
  s.ask("an unknown setting", v, replace(kTopic, orders, {{"no.such.setting", "1"}}));
  s.ask("a bad value", v, replace(kTopic, orders, {{"max.message.bytes", "many"}}));
  s.ask("a null value", v, replace(kTopic, orders, {{"max.message.bytes", std::nullopt}}));
  s.ask("a setting twice", v, replace(kTopic, orders, {{"segment.ms", "5000"}, {"segment.ms", "6000"}}));
  look(s, "after AlterConfigs failed", v, orders);
  s.ask("no setting", v, replace(kTopic, orders, {}));
  look(s, "after AlterConfigs with nothing", v, orders);
  s.ask("unknown topic", v, replace(kTopic, s.name("nowhere"), {{"segment.ms", "5000"}}));
  s.ask("illegal topic name", v, replace(kTopic, "a b", {{"segment.ms", "5000"}}));
  s.ask("empty topic name", v, replace(kTopic, "", {{"segment.ms", "5000"}}));
  const std::string broker = std::to_string(s.broker().value());
  for (const std::string& name : {broker, std::string()}) {
    const std::string whom = name.empty() ? "all brokers" : "a broker";
    s.ask(whom + ": one setting", v, replace(kBroker, name, {{kOfBrokers, "5000"}}));
    look_at_broker(s, "after AlterConfigs of " + whom, v, name);
    s.ask(whom + ": a bad value", v, replace(kBroker, name, {{kOfBrokers, "many"}}));
    s.ask(whom + ": a value out of bounds", v, replace(kBroker, name, {{kOfBrokers, "-5"}}));
    s.ask(whom + ": an unknown setting", v, replace(kBroker, name, {{"no.such.setting", "1"}}));
    s.ask(whom + ": only to be validated", v, replace(kBroker, name, {{kOfBrokers, "6000"}}, true));
    look_at_broker(s, "after AlterConfigs of " + whom + " failed", v, name);
    s.ask(whom + ": no setting", v, replace(kBroker, name, {}));
    look_at_broker(s, "after AlterConfigs of " + whom + " with nothing", v, name);
  }
  s.ask("broker that is another", v, replace(kBroker, "99", {{"log.cleaner.threads", "1"}}));
  s.ask("client metrics", v, replace(kClientMetrics, s.name("metrics"), {{"interval.ms", "1000"}}));
  s.ask("a group", v, replace(kGroup, s.name("group"), {{"consumer.session.timeout.ms", "50000"}}));
  s.ask("a broker's loggers", v, replace(kLoggers, broker, {{"no.such.logger", "INFO"}}));
  s.ask("a resource type that is none", v, replace(77, "x", {}));
  s.ask("nothing", v, Alter{});
  Alter twice = replace(kTopic, orders, {{"segment.ms", "5000"}});
  twice.resources.push_back({kTopic, orders, {{"segment.ms", "6000"}}});
  s.ask("one topic twice", v, twice);
  Alter both = replace(kTopic, orders, {{"segment.ms", "5000"}});
  both.resources.push_back({kTopic, s.name("nowhere"), {{"segment.ms", "6000"}}});
  s.ask("one known topic, one unknown", v, both);
}

using Incremental = kafka::IncrementalAlterConfigsRequest;
using Op = Incremental::Config;

Incremental change(int8_t type, const std::string& name, std::vector<Op> ops, bool validate_only = false) {
  return {.resources = {{type, name, std::move(ops)}}, .validate_only = validate_only};
}

void ask_incremental(Script& s, int16_t v) {
  constexpr int8_t set = 0, remove = 1, append = 2, subtract = 3;
  const std::string orders = s.create("orders", {.configs = {{"segment.ms", "9000"}}});
  s.ask("set", v, change(kTopic, orders, {{"max.message.bytes", set, "5000"}}));
  s.ask("set and delete", v,
        change(kTopic, orders, {{"segment.ms", remove, std::nullopt}, {"max.message.bytes", set, "6000"}}));
  look(s, "after IncrementalAlterConfigs set and deleted", v, orders);
  s.ask("delete what is not set", v, change(kTopic, orders, {{"segment.ms", remove, std::nullopt}}));
  s.ask("delete with a value", v, change(kTopic, orders, {{"max.message.bytes", remove, "1"}}));
  s.ask("append to a list", v, change(kTopic, orders, {{"cleanup.policy", append, "compact"}}));
  look(s, "after IncrementalAlterConfigs appended", v, orders);
  s.ask("append what is there", v, change(kTopic, orders, {{"cleanup.policy", append, "compact"}}));
  s.ask("append a bad word", v, change(kTopic, orders, {{"cleanup.policy", append, "shred"}}));
  s.ask("append to what is no list", v, change(kTopic, orders, {{"retention.ms", append, "5"}}));
  s.ask("subtract from a list", v, change(kTopic, orders, {{"cleanup.policy", subtract, "delete"}}));
  look(s, "after IncrementalAlterConfigs subtracted", v, orders);
  s.ask("subtract what is not there", v, change(kTopic, orders, {{"cleanup.policy", subtract, "delete"}}));
  s.ask("subtract the last", v, change(kTopic, orders, {{"cleanup.policy", subtract, "compact"}}));
  look(s, "after IncrementalAlterConfigs subtracted all", v, orders);
  s.ask("subtract from what is no list", v, change(kTopic, orders, {{"retention.ms", subtract, "5"}}));
  s.ask("set null", v, change(kTopic, orders, {{"retention.ms", set, std::nullopt}}));
  s.ask("append null", v, change(kTopic, orders, {{"cleanup.policy", append, std::nullopt}}));
  s.ask("an operation that is none", v, change(kTopic, orders, {{"retention.ms", 9, "5"}}));
  s.ask("set an unknown setting", v, change(kTopic, orders, {{"no.such.setting", set, "1"}}));
  s.ask("delete an unknown setting", v, change(kTopic, orders, {{"no.such.setting", remove, std::nullopt}}));
  s.ask("append to an unknown setting", v, change(kTopic, orders, {{"no.such.setting", append, "1"}}));
  s.ask("set a bad value", v, change(kTopic, orders, {{"retention.ms", set, "soon"}}));
  s.ask("one good, one bad value", v,
        change(kTopic, orders, {{"segment.ms", set, "7000"}, {"retention.ms", set, "soon"}}));
  s.ask("one setting twice", v,
        change(kTopic, orders, {{"retention.ms", set, "5"}, {"retention.ms", set, "6"}}));
  s.ask("one setting set and deleted", v,
        change(kTopic, orders, {{"retention.ms", set, "5"}, {"retention.ms", remove, std::nullopt}}));
  s.ask("only to be validated", v, change(kTopic, orders, {{"retention.ms", set, "5"}}, true));
  s.ask("only to be validated, wrong", v, change(kTopic, orders, {{"retention.ms", set, "-5"}}, true));
  look(s, "after IncrementalAlterConfigs failed", v, orders);
  s.ask("no setting", v, change(kTopic, orders, {}));
  s.ask("unknown topic", v, change(kTopic, s.name("nowhere"), {{"segment.ms", set, "5000"}}));
  s.ask("illegal topic name", v, change(kTopic, "a b", {{"segment.ms", set, "5000"}}));
  s.ask("empty topic name", v, change(kTopic, "", {{"segment.ms", set, "5000"}}));
  const std::string broker = std::to_string(s.broker().value());
  for (const std::string& name : {broker, std::string()}) {
    const std::string whom = name.empty() ? "all brokers" : "a broker";
    s.ask(whom + ": set", v, change(kBroker, name, {{kOfBrokers, set, "5000"}}));
    look_at_broker(s, "after IncrementalAlterConfigs of " + whom, v, name);
    s.ask(whom + ": set a bad value", v, change(kBroker, name, {{kOfBrokers, set, "many"}}));
    s.ask(whom + ": set an unknown setting", v, change(kBroker, name, {{"no.such.setting", set, "1"}}));
    s.ask(whom + ": only to be validated", v, change(kBroker, name, {{kOfBrokers, set, "6000"}}, true));
    s.ask(whom + ": delete", v, change(kBroker, name, {{kOfBrokers, remove, std::nullopt}}));
    s.ask(whom + ": delete what is not set", v, change(kBroker, name, {{kOfBrokers, remove, std::nullopt}}));
    look_at_broker(s, "after IncrementalAlterConfigs of " + whom + " deleted", v, name);
  }
  s.ask("client metrics", v, change(kClientMetrics, s.name("metrics"), {{"interval.ms", set, "1000"}}));
  s.ask("a group", v, change(kGroup, s.name("group"), {{"consumer.session.timeout.ms", set, "50000"}}));
  s.ask("a broker's loggers", v, change(kLoggers, broker, {{"no.such.logger", set, "INFO"}}));
  s.ask("broker that is another", v, change(kBroker, "99", {{"log.cleaner.threads", set, "1"}}));
  s.ask("broker that is no number", v, change(kBroker, "one", {{"log.cleaner.threads", set, "1"}}));
  s.ask("a resource type that is none", v, change(77, "x", {}));
  s.ask("nothing", v, Incremental{});
  Incremental twice = change(kTopic, orders, {{"segment.ms", set, "5000"}});
  twice.resources.push_back({kTopic, orders, {{"segment.ms", set, "6000"}}});
  s.ask("one topic twice", v, twice);
  Incremental both = change(kTopic, orders, {{"segment.ms", set, "5000"}});
  both.resources.push_back({kTopic, s.name("nowhere"), {{"segment.ms", set, "6000"}}});
  s.ask("one known topic, one unknown", v, both);
}

}  // namespace

void ask_configs(Script& s) {
  const std::string plain = s.create("plain");
  const std::string changed = s.create("changed", {.configs = {{"cleanup.policy", "compact,delete"},
                                                               {"max.message.bytes", "5000"},
                                                               {"compression.type", "zstd"}}});
  s.each_version(ApiKey::describe_configs, [&](int16_t v) { ask_describe(s, plain, changed, v); });
  s.each_version(ApiKey::alter_configs, [&](int16_t v) { ask_alter(s, v); });
  s.each_version(ApiKey::incremental_alter_configs, [&](int16_t v) { ask_incremental(s, v); });
}

}  // namespace godwit::compare
