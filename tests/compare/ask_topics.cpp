// CreateTopics, DeleteTopics, CreatePartitions.
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/metadata.h"
#include "script.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;
using Create = kafka::CreateTopicsRequest;
using Topic = Create::Topic;

Topic plain(std::string name, int32_t partitions = 1, int16_t replicas = 1) {
  return {.name = std::move(name), .num_partitions = partitions, .replication_factor = replicas};
}
Topic assigned(std::string name, std::vector<std::pair<int32_t, std::vector<int32_t>>> assignments) {
  Topic topic = plain(std::move(name), -1, -1);
  for (auto& [partition, brokers] : assignments) {
    auto& one = topic.assignments.emplace_back();
    one.partition_index = PartitionIndex(partition);
    for (const int32_t broker : brokers) one.broker_ids.push_back(BrokerId(broker));
  }
  return topic;
}
Topic with(Topic topic, std::vector<Create::Config> configs) {
  topic.configs = std::move(configs);
  return topic;
}
Create one(Topic topic, bool validate_only = false) {
  return {.topics = {std::move(topic)}, .timeout_ms = 10'000, .validate_only = validate_only};
}

void ask_counts(Script& s, int16_t v) {
  s.ask("one partition", v, one(plain(s.name("fresh"))));
  s.ask("seven partitions", v, one(plain(s.name("fresh"), 7)));
  if (v >= 4) s.ask("counts as the broker has them", v, one(plain(s.name("fresh"), -1, -1)));
  s.ask("no partition", v, one(plain(s.name("fresh"), 0)));
  s.ask("minus two partitions", v, one(plain(s.name("fresh"), -2)));
  s.ask("no replica", v, one(plain(s.name("fresh"), 1, 0)));
  s.ask("minus two replicas", v, one(plain(s.name("fresh"), 1, -2)));
  s.ask("more replicas than brokers", v, one(plain(s.name("fresh"), 1, 3)));
  s.ask("too many partitions for anybody", v, one(plain(s.name("fresh"), 2'000'000'000)));
  s.ask("nothing", v, Create{});
  s.ask("only to be validated", v, one(plain(s.name("fresh"), 2), true));
  s.ask("only to be validated, wrong", v, one(plain(s.name("fresh"), 0), true));
}

void ask_names(Script& s, int16_t v) {
  const std::string known = s.create("known");
  s.ask("one that exists", v, one(plain(known)));
  s.ask("one that exists, with a wrong count", v, one(plain(known, 0)));
  s.ask("one that exists, only to be validated", v, one(plain(known), true));
  s.ask("an empty name", v, one(plain("")));
  s.ask("a dot as the name", v, one(plain(".")));
  s.ask("two dots as the name", v, one(plain("..")));
  s.ask("a name with a blank", v, one(plain("a b")));
  s.ask("a name with a slash", v, one(plain("a/b")));
  s.ask("a name beyond ASCII", v, one(plain("caf\xc3\xa9")));
  s.ask("a name of 250 letters", v, one(plain(std::string(250, 'x'))));
  std::string longest = s.name("x");
  longest.append(249 - longest.size(), 'y');
  s.call(longest, "a name of 249 letters");
  s.ask("a name of 249 letters", v, one(plain(longest)));
  const std::string dotted = s.name("dotted.name");
  s.ask("a name with a dot", v, one(plain(dotted)));
  std::string twin = dotted;
  twin[twin.find('.')] = '_';
  s.call(twin, "its twin");
  s.ask("a name that collides with one that exists", v, one(plain(twin)));
  const std::string first = s.name("first.of.both");
  std::string second = first;
  second[second.find('.')] = '_';
  s.call(second, "second of both");
  s.ask("two names that collide with each other", v, Create{.topics = {plain(first), plain(second)}});
  const std::string twice = s.name("twice");
  s.ask("a name twice", v, Create{.topics = {plain(twice), plain(twice)}});
  s.ask("a name twice and another", v,
        Create{.topics = {plain(twice), plain(twice), plain(s.name("beside"))}});
  s.ask("one good, one bad", v, Create{.topics = {plain(s.name("good")), plain("b a d")}});
}

void ask_assignments(Script& s, int16_t v) {
  const int32_t b = s.broker().value();
  s.ask("assigned: two partitions", v, one(assigned(s.name("fresh"), {{0, {b}}, {1, {b}}})));
  s.ask("assigned: in another order", v, one(assigned(s.name("fresh"), {{1, {b}}, {0, {b}}})));
  s.ask("assigned: a gap", v, one(assigned(s.name("fresh"), {{0, {b}}, {2, {b}}})));
  s.ask("assigned: not from zero", v, one(assigned(s.name("fresh"), {{1, {b}}})));
  s.ask("assigned: a negative partition", v, one(assigned(s.name("fresh"), {{-1, {b}}})));
  s.ask("assigned: a partition twice", v, one(assigned(s.name("fresh"), {{0, {b}}, {0, {b}}})));
  s.ask("assigned: no broker", v, one(assigned(s.name("fresh"), {{0, {}}})));
  s.ask("assigned: an unknown broker", v, one(assigned(s.name("fresh"), {{0, {99}}})));
  s.ask("assigned: a broker twice", v, one(assigned(s.name("fresh"), {{0, {b, b}}})));
  s.ask("assigned: unequal counts", v, one(assigned(s.name("fresh"), {{0, {b}}, {1, {b, 99}}})));
  Topic counted = assigned(s.name("fresh"), {{0, {b}}});
  counted.num_partitions = 1;
  s.ask("assigned: and a count of partitions", v, one(counted));
  Topic replicated = assigned(s.name("fresh"), {{0, {b}}});
  replicated.replication_factor = 1;
  s.ask("assigned: and a count of replicas", v, one(replicated));
}

void ask_topic_configs(Script& s, int16_t v) {
  const auto set = [&](std::string_view what, std::vector<Create::Config> configs) {
    s.ask(what, v, one(with(plain(s.name("fresh")), std::move(configs))));
  };
  set("config: two good ones", {{"cleanup.policy", "compact"}, {"retention.ms", "1000"}});
  set("config: an unknown name", {{"no.such.setting", "1"}});
  set("config: no name", {{"", "1"}});
  set("config: a null value", {{"retention.ms", std::nullopt}});
  set("config: an empty value", {{"retention.ms", ""}});
  set("config: not a number", {{"retention.ms", "soon"}});
  set("config: a number with blanks", {{"retention.ms", " 1000 "}});
  set("config: too low", {{"retention.ms", "-2"}});
  set("config: too high for its width", {{"max.message.bytes", "3000000000"}});
  set("config: more than a request may have", {{"max.message.bytes", "104857601"}});
  set("config: not a boolean", {{"preallocate", "maybe"}});
  set("config: a boolean in capitals", {{"preallocate", "TRUE"}});
  set("config: not one of its words", {{"compression.type", "rar"}});
  set("config: a word in capitals", {{"compression.type", "GZIP"}});
  set("config: a list", {{"cleanup.policy", "compact,delete"}});
  set("config: a list with blanks", {{"cleanup.policy", "compact, delete"}});
  set("config: a list with a word twice", {{"cleanup.policy", "delete,delete"}});
  set("config: an empty list", {{"cleanup.policy", ""}});
  set("config: a list with a wrong word", {{"cleanup.policy", "compact,shred"}});
  set("config: one name twice", {{"retention.ms", "1000"}, {"retention.ms", "2000"}});
  set("config: min.insync.replicas above the replicas", {{"min.insync.replicas", "3"}});
  set("config: min.insync.replicas zero", {{"min.insync.replicas", "0"}});
  set("config: segment.bytes too small", {{"segment.bytes", "13"}});
  set("config: a ratio above one", {{"min.cleanable.dirty.ratio", "1.5"}});
  set("config: LogAppendTime", {{"message.timestamp.type", "LogAppendTime"}});
  set("config: retention with local retention above it",
      {{"retention.ms", "1000"}, {"local.retention.ms", "2000"}});
  set("config: min.compaction.lag.ms above the max",
      {{"min.compaction.lag.ms", "200"}, {"max.compaction.lag.ms", "100"}});
  set("config: remote storage without the broker having any", {{"remote.storage.enable", "true"}});
  set("config: a throttled replica list", {{"leader.replication.throttled.replicas", "*"}});
  set("config: a bad throttled replica list", {{"leader.replication.throttled.replicas", "all"}});
  set("config: gzip level", {{"compression.type", "gzip"}, {"compression.gzip.level", "3"}});
  set("config: gzip level zero", {{"compression.gzip.level", "0"}});
  set("config: gone since 4.0", {{"message.format.version", "3.0"}});
  set("config: gone since 4.0, timestamp difference", {{"message.timestamp.difference.max.ms", "1000"}});
}

void ask_delete_topics(Script& s, int16_t v) {
  using Request = kafka::DeleteTopicsRequest;
  const auto names = [&](std::vector<std::string> topics) {
    Request request{.timeout_ms = 10'000};
    if (v < 6) {
      request.topic_names = std::move(topics);
    } else {
      for (auto& topic : topics) request.topics.push_back({.name = std::move(topic)});
    }
    return request;
  };
  const std::string orders = s.create("orders");
  s.ask("one topic", v, names({orders}));
  s.ask("one topic again", v, names({orders}));
  const std::string twice = s.create("twice");
  s.ask("one topic twice", v, names({twice, twice}));
  s.ask("an empty name", v, names({""}));
  s.ask("an illegal name", v, names({"a b"}));
  s.ask("nothing", v, names({}));
  const std::string beside = s.create("beside");
  s.ask("one known, one unknown", v, names({beside, s.name("nowhere")}));
  if (v < 6) return;
  const std::string by_id = s.create("by-id");
  const Request request{.topics = {{.topic_id = s.id_of(by_id)}}, .timeout_ms = 10'000};
  s.ask("by id", v, request);
  s.ask("by id again", v, request);
  s.ask("by an unknown id", v,
        Request{.topics = {{.topic_id = *Uuid::parse("abcdefghijklmnopqrstuA")}}, .timeout_ms = 10'000});
  s.ask("by neither name nor id", v, Request{.topics = {{}}, .timeout_ms = 10'000});
  const std::string both = s.create("both");
  s.ask("by name and id", v,
        Request{.topics = {{.name = both, .topic_id = s.id_of(both)}}, .timeout_ms = 10'000});
  s.ask("by name and by id in one request", v,
        Request{.topics = {{.name = both}, {.topic_id = s.id_of(both)}}, .timeout_ms = 10'000});
}

void ask_create_partitions(Script& s, int16_t v) {
  using Request = kafka::CreatePartitionsRequest;
  using Assignments = std::vector<Request::Assignment>;
  const BrokerId b = s.broker();
  const auto grow = [&](const std::string& topic, int32_t count,
                        std::optional<Assignments> assignments = std::nullopt, bool validate_only = false) {
    return Request{.topics = {{topic, count, std::move(assignments)}},
                   .timeout_ms = 10'000,
                   .validate_only = validate_only};
  };
  const std::string orders = s.create("orders", {.partitions = 2});
  s.ask("as many as there are", v, grow(orders, 2));
  s.ask("fewer", v, grow(orders, 1));
  s.ask("none", v, grow(orders, 0));
  s.ask("minus one", v, grow(orders, -1));
  s.ask("too many for anybody", v, grow(orders, 2'000'000'000));
  s.ask("more, only to be validated", v, grow(orders, 4, std::nullopt, true));
  s.ask("more", v, grow(orders, 3));
  s.ask("more, assigned", v, grow(orders, 5, Assignments{{{b}}, {{b}}}));
  s.ask("more, with fewer assignments", v, grow(orders, 8, Assignments{{{b}}}));
  s.ask("more, with more assignments", v, grow(orders, 6, Assignments{{{b}}, {{b}}}));
  s.ask("more, with no assignments", v, grow(orders, 6, Assignments{}));
  s.ask("more, on an unknown broker", v, grow(orders, 6, Assignments{{{BrokerId(99)}}}));
  s.ask("more, on one broker twice", v, grow(orders, 6, Assignments{{{b, b}}}));
  s.ask("more, on no broker", v, grow(orders, 6, Assignments{{{}}}));
  s.ask("of an unknown topic", v, grow(s.name("nowhere"), 3));
  s.ask("of an illegal name", v, grow("a b", 3));
  s.ask("of nothing", v, Request{.timeout_ms = 10'000});
  const std::string twice = s.create("twice");
  Request both = grow(twice, 2);
  both.topics.push_back({twice, 3, std::nullopt});
  s.ask("of one topic twice", v, both);
  kafka::MetadataRequest after;
  after.topics->push_back({.name = orders});
  if (v == 3) s.ask("a topic that was grown", 12, after);
}

}  // namespace

void ask_topics(Script& s) {
  s.call(std::string(250, 'x'), "a name of 250 letters");
  s.each_version(ApiKey::create_topics, [&](int16_t v) {
    s.ask("with all its settings", v, one(plain(s.name("fresh"))));
    s.leave_out_defaults(true);
    ask_counts(s, v);
    ask_names(s, v);
    ask_assignments(s, v);
    ask_topic_configs(s, v);
    s.leave_out_defaults(false);
  });
  s.each_version(ApiKey::delete_topics, [&](int16_t v) { ask_delete_topics(s, v); });
  s.each_version(ApiKey::create_partitions, [&](int16_t v) { ask_create_partitions(s, v); });
}

}  // namespace godwit::compare
