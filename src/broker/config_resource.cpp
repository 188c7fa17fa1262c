#include "broker/config_resource.h"

#include <charconv>

#include "broker/broker.h"
#include "broker/topic_settings.h"

namespace godwit::broker {
namespace {

tl::unexpected<ResourceRefusal> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(ResourceRefusal{code, std::move(message)});
}

// "" is all brokers, a number is one of them.
OnResource<BrokerId> parse_broker(const BrokerShard& shard, const std::string& name) {
  if (name.empty()) return kNoBroker;
  int32_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc{} || end != name.data() + name.size()) {
    return refuse(ErrorCode::invalid_request, "Broker id must be an integer, but it is: " + name);
  }
  if (!shard.image()->brokers.contains(BrokerId(id))) {
    return refuse(ErrorCode::invalid_request, "there is no broker " + name);
  }
  return BrokerId(id);
}

OnResource<const cluster::Topic*> parse_topic(const cluster::Image& image, const std::string& name) {
  if (const auto fault = topic_name_fault(name); !fault.empty()) {
    return refuse(ErrorCode::invalid_topic_exception, std::string(fault));
  }
  const cluster::Topic* const topic = image.find(name);
  if (topic == nullptr) return refuse(ErrorCode::unknown_topic_or_partition, "there is no topic " + name);
  return topic;
}

// What has no dynamic settings here, as the protocol knows it.
tl::unexpected<ResourceRefusal> refuse_type(ResourceType type) {
  return refuse(ErrorCode::invalid_request,
                "resources of type " + std::to_string(static_cast<int>(type)) + " have no settings here");
}

// `defaults`: what holds where `config` gives nothing, under the topic settings' names.
OnResource<void> check_all(const cluster::ConfigMap& config, const cluster::ConfigMap& defaults,
                           bool broker) {
  for (const auto& [name, value] : config) {
    const auto fault = broker ? check_broker_default(name, value) : check_topic_setting(name, value);
    if (fault) return refuse(ErrorCode::invalid_config, *fault);
  }
  const auto fault = broker ? check_broker_defaults_together(config, defaults)
                            : check_topic_settings_together(config, defaults);
  if (fault) return refuse(ErrorCode::invalid_config, *fault);
  return {};
}

// Changes are made by cluster::Metadata, which speaks of its own refusals.
std::function<cluster::Changed<cluster::ConfigMap>(const cluster::ConfigMap&)> checked(
    ConfigChange change, cluster::ConfigMap defaults, bool broker) {
  return [change = std::move(change), defaults = std::move(defaults),
          broker](const cluster::ConfigMap& before) -> cluster::Changed<cluster::ConfigMap> {
    auto after = change(before);
    if (!after) return tl::unexpected(cluster::Refusal{after.error().code, after.error().message});
    if (auto fine = check_all(*after, defaults, broker); !fine) {
      return tl::unexpected(cluster::Refusal{fine.error().code, fine.error().message});
    }
    return *after;
  };
}

}  // namespace

OnResource<std::vector<SettingView>> describe_resource(const BrokerShard& shard, ResourceType type,
                                                       const std::string& name) {
  if (type == ResourceType::topic) {
    const cluster::ImagePtr& image = shard.image();
    const auto topic = parse_topic(*image, name);
    if (!topic) return tl::unexpected(topic.error());
    return describe_topic_settings(**topic, shard.options().topic_defaults, *image, shard.options().id);
  }
  if (type == ResourceType::broker) {
    const auto id = parse_broker(shard, name);
    if (!id) return tl::unexpected(id.error());
    return describe_broker_settings(*id, *shard.image(), shard.options());
  }
  return refuse_type(type);
}

std::optional<ResourceRefusal> ResourceCount::refuse(int8_t type, const std::string& name) const {
  if (times_.at({type, name}) > 1) {
    return ResourceRefusal{ErrorCode::invalid_request, "the request names this resource twice"};
  }
  if (type == static_cast<int8_t>(ResourceType::topic) && name.empty()) {
    return ResourceRefusal{ErrorCode::invalid_request, "the topic has no name"};
  }
  return std::nullopt;
}

runtime::Task<OnResource<void>> alter_resource(BrokerShard& shard, ResourceType type, std::string name,
                                               ConfigChange change, bool validate_only) {
  Broker& broker = shard.broker();
  const cluster::ConfigMap& at_start = shard.options().topic_defaults;
  cluster::Changed<void> done;
  if (type == ResourceType::topic) {
    const cluster::ImagePtr& image = shard.image();
    const auto topic = parse_topic(*image, name);
    if (!topic) co_return tl::unexpected(topic.error());
    const TopicId id = (*topic)->id;
    auto defaults = effective_defaults(at_start, *image, shard.options().id);
    done = co_await broker.on_first([&broker, id,
                                     change = checked(std::move(change), std::move(defaults), false),
                                     validate_only]() mutable {
      return broker.metadata().alter_topic_config(id, std::move(change), validate_only);
    });
  } else if (type == ResourceType::broker) {
    const auto id = parse_broker(shard, name);
    if (!id) co_return tl::unexpected(id.error());
    // Below what one broker has of its own are the dynamic ones of all.
    auto defaults = *id == kNoBroker ? at_start : effective_defaults(at_start, *shard.image(), kNoBroker);
    done = co_await broker.on_first([&broker, id = *id,
                                     change = checked(std::move(change), std::move(defaults), true),
                                     validate_only]() mutable {
      return broker.metadata().alter_broker_config(id, std::move(change), validate_only);
    });
  } else {
    co_return refuse_type(type);
  }
  if (!done) co_return refuse(done.error().code, done.error().message);
  co_return OnResource<void>();
}

}  // namespace godwit::broker
