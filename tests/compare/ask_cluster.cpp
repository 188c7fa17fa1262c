// ApiVersions, Metadata, DescribeCluster, DescribeLogDirs, ElectLeaders.
#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/elect_leaders.h"
#include "kafka/messages/metadata.h"
#include "script.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;

void ask_api_versions(Script& s) {
  using Request = kafka::ApiVersionsRequest;
  s.each_version(ApiKey::api_versions, [&](int16_t v) {
    s.ask("what is there", v, Request{"compare", "1.0"});
    if (v < 3) return;
    s.ask("no software name", v, Request{"", "1.0"});
    s.ask("no software version", v, Request{"compare", ""});
    s.ask("software name with a blank", v, Request{"com pare", "1.0"});
    s.ask("software name that ends in a dot", v, Request{"compare.", "1.0"});
    s.ask("software name that begins with a dash", v, Request{"-compare", "1.0"});
    s.ask("software name of one letter", v, Request{"c", "1"});
    s.ask("software version with a slash", v, Request{"compare", "1/0"});
  });
}

using MetadataRequest = kafka::MetadataRequest;

MetadataRequest for_names(std::vector<std::string> names, bool create = false) {
  MetadataRequest request{.allow_auto_topic_creation = create};
  for (auto& name : names) request.topics->push_back({.name = std::move(name)});
  return request;
}

void ask_metadata(Script& s) {
  const std::string orders = s.create("orders", {.partitions = 3});
  const std::string other = s.create("other");
  s.call(std::string(250, 'x'), "a name of 250 letters");
  s.each_version(ApiKey::metadata, [&](int16_t v) {
    if (v > 0) s.ask("all topics", v, MetadataRequest{.topics = std::nullopt});
    s.ask("no topics (v0: all)", v, MetadataRequest{});
  });
  s.each_version(ApiKey::metadata, [&](int16_t v) {
    s.ask("one topic", v, for_names({orders}, v < 4));
    s.ask("two topics", v, for_names({other, orders}, v < 4));
    s.ask("one topic twice", v, for_names({orders, orders}, v < 4));
    s.ask("with authorized operations", v, [&] {
      auto request = for_names({orders}, v < 4);
      request.include_topic_authorized_operations = true;
      return request;
    }());
    s.ask("with the cluster's authorized operations", v,
          MetadataRequest{.include_cluster_authorized_operations = true});
    const std::string nowhere = s.name("nowhere");
    if (v >= 4) {
      s.ask("unknown topic, not to be created", v, for_names({nowhere}));
      s.ask("one known, one unknown topic", v, for_names({orders, nowhere}));
      s.ask("illegal names, not to be created", v, for_names({"a b", "..", "", std::string(250, 'x'), "ü"}));
      s.ask("internal topic that is not there", v, for_names({"__transaction_state"}));
    }
    s.ask("illegal names, to be created", v, for_names({"a b", ".", std::string(250, 'x')}, true));
    s.ask("unknown topic, to be created: the first answer", v, for_names({nowhere}, true));
    s.wait_for(nowhere, "nowhere");
    s.ask("unknown topic, to be created: afterwards", v, for_names({nowhere}, true));
    const std::string colliding = s.name("colliding.name");
    s.quietly(7, kafka::CreateTopicsRequest{
                     .topics = {{.name = colliding, .num_partitions = 1, .replication_factor = 1}}});
    s.wait_for(colliding, "colliding.name");
    std::string twin = colliding;
    twin[twin.find('.')] = '_';
    s.call(twin, "twin of a colliding name");
    s.ask("unknown topic whose name collides, to be created", v, for_names({twin}, true));
    if (v < 10) return;
    MetadataRequest by_id;
    by_id.topics->push_back({.topic_id = s.id_of(orders), .name = std::nullopt});
    s.ask("by id", v, by_id);
    MetadataRequest by_wrong_id;
    by_wrong_id.topics->push_back({.topic_id = *Uuid::parse("abcdefghijklmnopqrstuA"), .name = std::nullopt});
    s.ask("by an unknown id", v, by_wrong_id);
    MetadataRequest by_both;
    by_both.topics->push_back({.topic_id = s.id_of(orders), .name = orders});
    s.ask("by id and name", v, by_both);
    MetadataRequest by_neither;
    by_neither.topics->push_back({.name = std::nullopt});
    s.ask("by neither id nor name", v, by_neither);
    MetadataRequest mixed;
    mixed.topics->push_back({.topic_id = s.id_of(orders), .name = std::nullopt});
    mixed.topics->push_back({.name = other});
    s.ask("one by id, one by name", v, mixed);
  });
}

void ask_describe_cluster(Script& s) {
  using Request = kafka::DescribeClusterRequest;
  s.each_version(ApiKey::describe_cluster, [&](int16_t v) {
    s.ask("as it is", v, Request{});
    s.ask("with authorized operations", v, Request{.include_cluster_authorized_operations = true});
    if (v >= 1) {
      s.ask("of controllers, asked of a broker", v, Request{.endpoint_type = 2});
      s.ask("of an endpoint type that is none", v, Request{.endpoint_type = 7});
    }
    if (v >= 2) s.ask("with fenced brokers", v, Request{.include_fenced_brokers = true});
  });
}

void ask_describe_log_dirs(Script& s) {
  using Request = kafka::DescribeLogDirsRequest;
  const std::string orders = s.create("orders", {.partitions = 2});
  s.each_version(ApiKey::describe_log_dirs, [&](int16_t v) {
    s.ask("one topic", v, Request{.topics = {{{orders, {PartitionIndex(0), PartitionIndex(1)}}}}});
    s.ask("one partition", v, Request{.topics = {{{orders, {PartitionIndex(1)}}}}});
    s.ask("no partitions of a topic", v, Request{.topics = {{{orders, {}}}}});
    s.ask("unknown partition", v, Request{.topics = {{{orders, {PartitionIndex(9)}}}}});
    s.ask("unknown topic", v, Request{.topics = {{{s.name("nowhere"), {PartitionIndex(0)}}}}});
    s.ask("no topics", v, Request{});
  });
}

void ask_elect_leaders(Script& s) {
  using Request = kafka::ElectLeadersRequest;
  const std::string orders = s.create("orders", {.partitions = 2});
  s.each_version(ApiKey::elect_leaders, [&](int16_t v) {
    s.ask("preferred, as they are", v,
          Request{.topic_partitions = {{{orders, {PartitionIndex(0), PartitionIndex(1)}}}}});
    s.ask("unknown partition", v, Request{.topic_partitions = {{{orders, {PartitionIndex(9)}}}}});
    s.ask("unknown topic", v, Request{.topic_partitions = {{{s.name("nowhere"), {PartitionIndex(0)}}}}});
    s.ask("all", v, Request{.topic_partitions = std::nullopt});
    if (v < 1) return;
    s.ask("unclean, with a leader", v,
          Request{.election_type = 1, .topic_partitions = {{{orders, {PartitionIndex(0)}}}}});
    s.ask("an election type that is none", v,
          Request{.election_type = 9, .topic_partitions = {{{orders, {PartitionIndex(0)}}}}});
  });
}

}  // namespace

void ask_cluster(Script& s) {
  ask_api_versions(s);
  ask_metadata(s);
  ask_describe_cluster(s);
  ask_describe_log_dirs(s);
  ask_elect_leaders(s);
}

}  // namespace godwit::compare
