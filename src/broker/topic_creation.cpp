#include "broker/topic_creation.h"

#include <algorithm>

#include "base/check.h"
#include "broker/broker.h"
#include "kafka/messages/create_topics.h"

namespace godwit::broker {

using Created = cluster::Changed<std::shared_ptr<const cluster::Topic>>;

namespace {

tl::unexpected<cluster::Refusal> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(cluster::Refusal{code, std::move(message)});
}

// In words, where `more` partitions would be more than the broker takes; else empty. Whoever adds them holds
// adding_partitions() until they are in the image, or two could each find room for the same.
std::optional<std::string> too_many_partitions(Broker& broker, int64_t more) {
  int64_t there = 0;
  const cluster::ImagePtr image = broker.metadata().image();
  for (const auto& [name, topic] : image->topics()) there += std::ssize(topic->partitions);
  const int64_t most = broker.options().partitions_max;
  if (there + more <= most) return std::nullopt;
  return "there would be " + std::to_string(there + more) + " partitions, and the broker takes " +
         std::to_string(most);
}

// How long a topic that the controller made may take to be known here.
constexpr Duration kForwardPatience = std::chrono::seconds(10);

// Asks the controller, as a client would, and waits until this shard knows the topic. Nothing that a client asked for: what it
// says of replicas, and that it only asks, would be lost.
runtime::Task<Created> create_elsewhere(BrokerShard& shard, TopicWish wish) {
  GW_CHECK(wish.assignment.empty() && !wish.validate_only, "what a client asks for is not handed on here");
  kafka::CreateTopicsRequest request;
  auto& asked = request.topics.emplace_back();
  asked.name = wish.name;
  asked.num_partitions = wish.partitions;
  asked.replication_factor = wish.replication_factor;
  for (const auto& [name, value] : wish.config) asked.configs.push_back({name, value});
  constexpr int16_t kVersion = kafka::CreateTopicsRequest::kFormat.versions.last;
  auto encoded = codec::encode(request, kVersion);
  if (!encoded) co_return refuse(ErrorCode::invalid_request, encoded.error().message);
  kafka::ForwardRequest forward;
  forward.cluster_id = shard.image()->cluster_id;
  forward.api_key = static_cast<int16_t>(kafka::ApiKey::create_topics);
  forward.api_version = kVersion;
  forward.client_id = "godwit";
  forward.body = encoded->flatten();
  Broker& broker = shard.broker();
  auto body = co_await broker.on_first([&broker, forward = std::move(forward)]() mutable {
    return broker.metadata().forward(std::move(forward), kForwardPatience);
  });
  if (!body) co_return refuse(ErrorCode::leader_not_available, body.error().message);
  codec::Input in(SharedBytes::own(std::move(*body)));
  auto response = codec::decode<kafka::CreateTopicsResponse>(in, kVersion);
  if (!response || response->topics.size() != 1)
    co_return refuse(ErrorCode::unknown_server_error, "the controller's answer makes no sense");
  const auto& answer = response->topics.front();
  if (answer.error_code != ErrorCode::none)
    co_return refuse(answer.error_code, answer.error_message.value_or(""));
  const MonotonicTime deadline = shard.shard().now() + kForwardPatience;
  for (;;) {
    const auto& topics = shard.image()->topics();
    if (const auto found = topics.find(wish.name); found != topics.end()) co_return found->second;
    if (shard.shard().now() >= deadline)
      co_return refuse(ErrorCode::leader_not_available, "the new topic is not known here yet");
    co_await shard.image_after(shard.image(), deadline);
  }
}

// On shard 0.
runtime::Task<Created> create_on_first(Broker& broker, cluster::NewTopic topic, bool validate_only) {
  const auto lock = co_await broker.adding_partitions().lock();
  // Before anything is taken for them: the count is whatever somebody sent.
  if (auto fault = too_many_partitions(broker, topic.partitions)) {
    co_return refuse(ErrorCode::policy_violation, std::move(*fault));
  }
  co_return co_await broker.metadata().create_topic(std::move(topic), validate_only);
}

// On shard 0.
runtime::Task<cluster::Changed<void>> add_on_first(Broker& broker, TopicId id, int32_t count,
                                                   std::vector<std::vector<BrokerId>> assignment,
                                                   bool validate_only) {
  const auto lock = co_await broker.adding_partitions().lock();
  const cluster::ImagePtr image = broker.metadata().image();
  const cluster::Topic* const topic = image->find(id);
  const int64_t more = topic == nullptr ? 0 : count - std::ssize(topic->partitions);
  if (auto fault = more > 0 ? too_many_partitions(broker, more) : std::nullopt) {
    co_return refuse(ErrorCode::policy_violation, std::move(*fault));
  }
  co_return co_await broker.metadata().create_partitions(id, count, std::move(assignment), validate_only);
}

runtime::Task<bool> controls(BrokerShard& shard) {
  return shard.broker().on_first([&broker = shard.broker()] { return broker.metadata().controls(); });
}

// Here or, where another broker is the controller, there.
runtime::Task<Created> create_anywhere(BrokerShard& shard, TopicWish wish) {
  if (co_await controls(shard)) {
    auto created = co_await create_topic(shard, wish);
    if (created || created.error().code != ErrorCode::not_controller) co_return created;
  }
  co_return co_await create_elsewhere(shard, std::move(wish));
}

}  // namespace

runtime::Task<Created> create_at_first_use(BrokerShard& shard, std::string name) {
  TopicWish wish;
  wish.name = std::move(name);
  co_return co_await create_anywhere(shard, std::move(wish));
}

runtime::Task<Created> create_topic(BrokerShard& shard, TopicWish wish) {
  if (const auto fault = topic_name_fault(wish.name); !fault.empty()) {
    co_return refuse(ErrorCode::invalid_topic_exception, std::string(fault));
  }
  for (const auto& [name, value] : wish.config) {
    if (auto fault = check_topic_setting(name, value))
      co_return refuse(ErrorCode::invalid_config, std::move(*fault));
  }
  const auto defaults =
      effective_defaults(shard.options().topic_defaults, *shard.image(), shard.options().id);
  if (auto fault = check_topic_settings_together(wish.config, defaults)) {
    co_return refuse(ErrorCode::invalid_config, std::move(*fault));
  }
  if (!co_await controls(shard))
    co_return refuse(ErrorCode::not_controller, "another broker is the controller");
  cluster::NewTopic topic;
  topic.name = std::move(wish.name);
  topic.config = std::move(wish.config);
  topic.assignment = std::move(wish.assignment);
  topic.partitions = wish.partitions == -1 ? shard.options().default_partitions : wish.partitions;
  topic.replication_factor =
      wish.replication_factor == -1 ? shard.options().default_replication_factor : wish.replication_factor;
  // How many brokers there are the controller knows, not an image, which has the living ones.
  if (topic.replication_factor == -1) topic.replication_factor = cluster::kUsualReplicas;
  if (!topic.assignment.empty()) {
    topic.partitions = static_cast<int32_t>(topic.assignment.size());
    topic.replication_factor = static_cast<int16_t>(topic.assignment.front().size());
  }
  Broker& broker = shard.broker();
  co_return co_await broker.on_first(
      [&broker, topic = std::move(topic), only = wish.validate_only]() mutable {
        return create_on_first(broker, std::move(topic), only);
      });
}

runtime::Task<cluster::Changed<void>> add_partitions(BrokerShard& shard, TopicId id, int32_t count,
                                                     std::vector<std::vector<BrokerId>> assignment,
                                                     bool validate_only) {
  Broker& broker = shard.broker();
  co_return co_await broker.on_first(
      [&broker, id, count, assignment = std::move(assignment), validate_only]() mutable {
        return add_on_first(broker, id, count, std::move(assignment), validate_only);
      });
}

runtime::Task<Created> create_offsets_topic(BrokerShard& shard) {
  TopicWish wish;
  wish.name = std::string(kConsumerOffsetsTopic);
  wish.partitions = shard.options().offsets_topic_partitions;
  // A generation is one record, with what each of its members wants to be known: for thousands of members that is more than
  // the usual limit of a message.
  wish.config = {{"cleanup.policy", "compact"},
                 {"compression.type", "producer"},
                 {"max.message.bytes", "104857600"},
                 {"segment.bytes", "104857600"}};
  co_return co_await create_anywhere(shard, std::move(wish));
}

}  // namespace godwit::broker
