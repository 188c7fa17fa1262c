// Topics and settings.
#include <algorithm>

#include "cluster/controller_impl.h"
#include "cluster/setting_changes.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

constexpr int16_t kReplicasUsual = 3;
constexpr size_t kSettingsBytesMax = 300'000;  // of one topic or broker: below what one transaction takes

// Who it was the controller is not told.
constexpr std::string_view kAsked = "as a client asked";

std::string named(const Topic& topic) {
  return "topic " + topic.name + ", id " + to_string(topic.id);
}

// What holds where the topic says nothing, as far as it is the controller's to know: other defaults are each broker's own.
ConfigMap known_defaults(const Topic& topic, const ConfigMap& fallback) {
  Topic silent = topic;
  silent.config.clear();
  return {{"min.insync.replicas", std::to_string(min_insync(silent, fallback))}};
}

// Why the settings can not be stored; empty where they can.
std::string settings_fault(const ConfigMap& config) {
  size_t bytes = 0;
  for (const auto& [name, value] : config) {
    if (name.size() > codec::kStringSizeMax || value.size() > codec::kStringSizeMax) {
      return "the value of " + name.substr(0, 100) + " is too long";
    }
    bytes += name.size() + value.size();
  }
  return bytes > kSettingsBytesMax ? "the settings are too long together" : "";
}

// Kafka takes a min.insync.replicas above the replication factor and heeds what is possible. So does a broker that is alone:
// tools bring such topics to it. In a cluster it is a mistake that is better told.
// `own_min`: what they say of min.insync.replicas.
Changed<void> check_settings(const ConfigMap& config, int own_min, size_t replication_factor, bool alone) {
  if (std::string fault = settings_fault(config); !fault.empty())
    return refuse(ErrorCode::invalid_config, fault);
  if (!alone && static_cast<size_t>(own_min) > replication_factor) {
    return refuse(ErrorCode::invalid_config,
                  "min.insync.replicas is " + std::to_string(own_min) + ", but the topic has " +
                      std::to_string(replication_factor) +
                      " replica(s): nothing could ever be acknowledged under acks=all");
  }
  return {};
}

size_t fewest_replicas(const Topic& topic) {
  size_t fewest = SIZE_MAX;
  for (const PartitionState& state : topic.partitions) fewest = std::min(fewest, settled(state).size());
  return fewest;
}

}  // namespace

int ControllerImpl::own_min_insync(const ConfigMap& config) {
  Topic probe;  // without partitions, of which the number that is taken where nothing is said depends
  probe.config = config;
  return std::max(1, min_insync(probe, {}));
}

std::vector<placement::Broker> ControllerImpl::usable() const {
  std::vector<placement::Broker> brokers;
  for (const auto& [id, broker] : fleet_.brokers()) {
    if (broker.alive() && !broker.info.draining && !broker.leaving) brokers.push_back({id, broker.info.rack});
  }
  return brokers;
}

// No other broker ever joined, or all others were given up.
bool ControllerImpl::is_alone() const {
  return std::ranges::count_if(fleet_.brokers(), [](const auto& entry) { return entry.second.stored; }) <= 1;
}

bool ControllerImpl::is_known(BrokerId id) const {
  const Fleet::Broker* const broker = fleet_.find(id);
  return broker != nullptr && broker->stored && !broker->removing;
}

int16_t ControllerImpl::usual_factor() const {
  int16_t known = 0;
  for (const auto& [id, broker] : fleet_.brokers()) {
    if (known < kReplicasUsual && is_known(id)) ++known;
  }
  return std::max<int16_t>(known, 1);
}

// As Kafka does: a broker that is dead at this moment is a broker. What is placed on it joins the ISR when it is back, and who never
// comes back is removed by an order.
std::vector<placement::Broker> ControllerImpl::places_for(int16_t factor) const {
  std::vector<placement::Broker> places = usable();
  if (places.size() >= static_cast<size_t>(factor)) return places;
  for (const auto& [id, broker] : fleet_.brokers()) {
    if (!is_known(id) || std::ranges::find(places, id, &placement::Broker::id) != places.end()) continue;
    const bool stays = broker.alive() && !broker.leaving;
    // Better on a broker that is to be emptied than not at all, and better now than later.
    places.push_back({id, broker.info.rack, stays ? 1 : broker.info.draining ? 3 : 2});
  }
  return places;
}

Changed<std::vector<PartitionState>> ControllerImpl::place(
    const Draft& draft, TopicId topic, int32_t first, int32_t count, int16_t factor,
    const std::vector<std::vector<BrokerId>>& assignment) const {
  std::vector<std::vector<BrokerId>> placed = assignment;
  if (assignment.empty()) {
    if (factor < 1) {
      return refuse(ErrorCode::invalid_replication_factor, "Replication factor must be larger than 0.");
    }
    const std::vector<placement::Broker> brokers = places_for(factor);
    if (brokers.size() < static_cast<size_t>(factor)) {
      return refuse(ErrorCode::invalid_replication_factor,
                    "Unable to replicate the partition " + std::to_string(factor) +
                        " time(s): The target replication factor of " + std::to_string(factor) +
                        " cannot be reached because only " + std::to_string(brokers.size()) +
                        " broker(s) are registered.");
    }
    auto found = placement::place({topic, first, count, factor}, brokers, load_of(draft.image()));
    if (!found) return refuse(ErrorCode::invalid_replica_assignment, found.error().message);
    for (auto& one : *found) placed.push_back(std::move(one.replicas));
  }
  std::vector<PartitionState> states;
  const Eligible eligible = this->eligible();
  const size_t width = placed.empty() ? 0 : placed.front().size();
  for (auto& replicas : placed) {
    if (replicas.empty()) {
      return refuse(ErrorCode::invalid_replica_assignment, "a partition has at least one replica");
    }
    if (std::set<BrokerId>(replicas.begin(), replicas.end()).size() != replicas.size()) {
      return refuse(ErrorCode::invalid_replica_assignment, "a broker is named twice for one partition");
    }
    if (replicas.size() != width) {
      return refuse(ErrorCode::invalid_replica_assignment, "all partitions have the same number of replicas");
    }
    PartitionState state;
    state.version = 1;
    // A topic's id is new, but one of its later partitions may have been there in a history that an older store has forgotten.
    // No epoch below is one that was handed out as far as this store knows.
    if (first > 0) {
      state.leader_epoch = eligible.epoch_floor;
      state.recent_epochs = {kNoLeaderEpoch};
    }
    for (const BrokerId id : replicas) {
      if (!is_known(id)) {
        return refuse(ErrorCode::invalid_replica_assignment,
                      "the assignment names broker " + to_string(id) + ", which is not registered");
      }
      // As Kafka does: who is dead, or about to stop, gets its replica and joins the ISR when it has caught up.
      const auto live = eligible.live.find(id);
      if (live == eligible.live.end() || eligible.leaving.contains(id)) continue;
      state.isr.push_back(id);
      const bool better = state.leader == kNoBroker ||
                          (eligible.not_to_lead.contains(state.leader) && !eligible.not_to_lead.contains(id));
      if (better) {
        state.leader = id;
        state.leader_incarnation = live->second;
      }
    }
    if (state.isr.empty()) {
      return refuse(ErrorCode::invalid_replica_assignment,
                    (assignment.empty() ? "of the brokers that would get partition "
                                        : "of the brokers that the assignment names for partition ") +
                        std::to_string(first + static_cast<int32_t>(states.size())) + " none is alive");
    }
    state.replicas = std::move(replicas);
    states.push_back(std::move(state));
  }
  return states;
}

Task<Changed<std::shared_ptr<const Topic>>> ControllerImpl::create_topic(NewTopic wish, bool validate_only) {
  using Created = std::shared_ptr<const Topic>;
  const Call call(*this);
  auto outcome = co_await changed<Created>([this, wish = std::move(wish), validate_only](Draft& draft) {
    return create(draft, wish, validate_only);
  });
  if (outcome && !validate_only) co_await settle();
  co_return outcome;
}

Changed<std::shared_ptr<const Topic>> ControllerImpl::create(Draft& draft, NewTopic wish,
                                                             bool validate_only) {
  const Image& image = draft.image();
  if (const std::string_view fault = topic_name_fault(wish.name); !fault.empty()) {
    return refuse(ErrorCode::invalid_topic_exception, "Topic name is illegal: " + std::string(fault));
  }
  if (image.find(wish.name) != nullptr) {
    return refuse(ErrorCode::topic_already_exists, "Topic '" + wish.name + "' already exists.");
  }
  if (reserved_names_.contains(wish.name)) {
    return refuse(ErrorCode::topic_already_exists,
                  "Topic '" + wish.name +
                      "' already exists, but a key in the coordination store that describes it is damaged.");
  }
  for (const auto& [name, topic] : image.topics()) {
    if (topic_names_collide(name, wish.name)) {
      return refuse(ErrorCode::invalid_topic_exception,
                    "Topic '" + wish.name + "' collides with existing topic: " + name);
    }
  }
  if (wish.assignment.empty() && wish.partitions <= 0) {
    return refuse(ErrorCode::invalid_partitions, "Number of partitions must be larger than 0.");
  }
  auto topic = std::make_shared<Topic>();
  topic->id = Uuid::from_random(shard_.random().bytes16());
  const int16_t factor = wish.replication_factor == kUsualReplicas ? usual_factor() : wish.replication_factor;
  auto placed = place(draft, topic->id, 0, wish.partitions, factor, wish.assignment);
  if (!placed) return tl::unexpected(placed.error());
  topic->name = std::move(wish.name);
  topic->config = std::move(wish.config);
  topic->partitions = std::move(*placed);
  auto checked =
      check_settings(topic->config, own_min_insync(topic->config), fewest_replicas(*topic), is_alone());
  if (!checked) return tl::unexpected(checked.error());
  if (validate_only) return topic;
  const std::string settings = describe_settings({}, topic->config, {});
  note(EventKind::topic_created,
       {.about = named(*topic),
        .change = from_to("none", std::to_string(topic->partitions.size()) + " partitions, " +
                                      std::to_string(topic->partitions.front().replicas.size()) +
                                      " replicas" + (settings.empty() ? "" : "; " + settings)),
        .why = std::string(kAsked)});
  draft.put(topic, 0);
  return topic;
}

Task<Changed<void>> ControllerImpl::delete_topic(TopicId id) {
  const Call call(*this);
  auto outcome = co_await changed<void>([this, id](Draft& draft) { return remove(draft, id); });
  if (outcome) co_await settle();
  co_return outcome;
}

Changed<void> ControllerImpl::remove(Draft& draft, TopicId id) {
  const Topic* const topic = draft.image().find(id);
  if (topic == nullptr) return refuse(ErrorCode::unknown_topic_id, "there is no topic with this id");
  std::set<BrokerId> holders;
  for (const PartitionState& state : topic->partitions)
    holders.insert(state.replicas.begin(), state.replicas.end());
  StoredTombstone stored;
  stored.name = topic->name;
  stored.replicas.assign(holders.begin(), holders.end());
  for (const auto& [broker, known] : fleet_.brokers()) holders.insert(broker);
  // The image that this round publishes.
  tombstones_[id] = {{options_.fence, image()->version.sequence + 1}, std::move(holders)};
  note(EventKind::topic_deleted,
       {.about = named(*topic),
        .change = from_to(std::to_string(topic->partitions.size()) + " partitions, " +
                              std::to_string(fewest_replicas(*topic)) + " replicas",
                          "none"),
        .why = std::string(kAsked)});
  draft.remove(id, draft.encoded(stored));
  return {};
}

Task<Changed<void>> ControllerImpl::create_partitions(TopicId id, int32_t count,
                                                      std::vector<std::vector<BrokerId>> assignment,
                                                      bool validate_only) {
  const Call call(*this);
  auto outcome = co_await changed<void>([this, id, count, assignment = std::move(assignment),
                                         validate_only](Draft& draft) -> Changed<void> {
    const Topic* const topic = draft.image().find(id);
    if (topic == nullptr) return refuse(ErrorCode::unknown_topic_or_partition, "there is no such topic");
    const auto have = static_cast<int32_t>(topic->partitions.size());
    if (count <= have) {
      return refuse(ErrorCode::invalid_partitions, "Topic currently has " + std::to_string(have) +
                                                       " partitions, which is higher than the requested " +
                                                       std::to_string(count) + ".");
    }
    if (!assignment.empty() && assignment.size() != static_cast<size_t>(count - have)) {
      return refuse(ErrorCode::invalid_replica_assignment,
                    "the assignment has not one entry for each new partition");
    }
    const size_t factor = settled(topic->partitions.front()).size();
    auto placed = place(draft, id, have, count - have, static_cast<int16_t>(factor), assignment);
    if (!placed) return tl::unexpected(placed.error());
    if (placed->front().replicas.size() != factor) {
      return refuse(ErrorCode::invalid_replica_assignment,
                    "the topic's partitions have " + std::to_string(factor) + " replica(s)");
    }
    if (validate_only) return {};
    auto larger = std::make_shared<Topic>(*topic);
    larger->partitions.insert(larger->partitions.end(), placed->begin(), placed->end());
    note(EventKind::topic_enlarged,
         {.about = named(*larger),
          .change = "partitions " + from_to(std::to_string(have), std::to_string(count)),
          .why = std::string(kAsked)});
    draft.put(std::move(larger), static_cast<size_t>(have));
    return {};
  });
  if (outcome && !validate_only) co_await settle();
  co_return outcome;
}

Task<Changed<void>> ControllerImpl::alter_topic_config(TopicId id, ConfigEdit change, bool validate_only) {
  const Call call(*this);
  auto outcome = co_await changed<void>(
      [this, id, change = std::move(change), validate_only](Draft& draft) -> Changed<void> {
        const Topic* const topic = draft.image().find(id);
        if (topic == nullptr) return refuse(ErrorCode::unknown_topic_or_partition, "there is no such topic");
        auto config = change(topic->config);
        if (!config) return tl::unexpected(config.error());
        auto checked = check_settings(*config, own_min_insync(*config), fewest_replicas(*topic), is_alone());
        if (!checked) return checked;
        if (validate_only || *config == topic->config) return {};
        auto altered = std::make_shared<Topic>(*topic);
        altered->config = std::move(*config);
        note(EventKind::topic_configured,
             {.about = named(*altered),
              .change = describe_settings(topic->config, altered->config,
                                          known_defaults(*topic, fallback(draft.image()))),
              .why = std::string(kAsked)});
        const size_t partitions = altered->partitions.size();
        draft.put(std::move(altered), partitions);
        return {};
      });
  if (outcome && !validate_only) co_await settle();
  co_return outcome;
}

Task<Changed<void>> ControllerImpl::alter_broker_config(BrokerId id, ConfigEdit change, bool validate_only) {
  const Call call(*this);
  auto outcome = co_await changed<void>([this, id, change = std::move(change),
                                         validate_only](Draft& draft) -> Changed<void> {
    const auto found = draft.image().broker_configs.find(id);
    const ConfigMap present = found == draft.image().broker_configs.end() ? ConfigMap{} : found->second;
    auto config = change(present);
    if (!config) return tl::unexpected(config.error());
    if (std::string fault = settings_fault(*config); !fault.empty()) {
      return refuse(ErrorCode::invalid_config, std::move(fault));
    }
    if (validate_only || *config == present) return {};
    note(EventKind::broker_configured, {.about = id == kNoBroker ? "all brokers" : "broker " + to_string(id),
                                        .change = describe_settings(present, *config, {}),
                                        .why = std::string(kAsked)});
    draft.put_broker_config(id, std::move(*config));
    return {};
  });
  if (outcome && !validate_only) co_await settle();
  co_return outcome;
}

}  // namespace godwit::cluster
