#include "broker/broker_shard.h"

#include <algorithm>
#include <vector>

#include "broker/broker.h"
#include "broker/fetch_wait.h"
#include "replicator/repairer.h"

namespace godwit::broker {

using runtime::Task;

namespace {

// How often leaders are asked whether a follower lags.
constexpr Duration kLookAfterLeaders = std::chrono::milliseconds(200);
// How often damage is looked for that another replica can mend, and how long one question to it may take.
constexpr Duration kRepairAfter = std::chrono::seconds(2);
constexpr Duration kRepairPatience = std::chrono::seconds(5);

// A shard's part of what the whole broker may use.
size_t part_of(size_t all, Broker& broker) {
  return all / broker.runtime().shard_count();
}

}  // namespace

BrokerShard::BrokerShard(Broker& broker, runtime::Shard& shard, size_t index)
    : broker_(broker),
      shard_(shard),
      index_(index),
      image_(std::make_shared<cluster::Image>()),
      topic_defaults_(broker.options().topic_defaults),
      request_memory_{RequestMemory(part_of(broker.options().request_memory, broker) * 3 / 4),
                      RequestMemory(part_of(broker.options().request_memory, broker) / 8),
                      RequestMemory(part_of(broker.options().request_memory, broker) / 8)},
      response_memory_(part_of(broker.options().response_memory, broker)),
      replica_memory_(part_of(broker.options().response_memory, broker) / 4),
      fetch_sessions_(broker.options().fetch_sessions_max, shard.random()) {}

BrokerShard::~BrokerShard() {
  for (auto& [id, partition] : partitions_) partition->close();
}

const BrokerOptions& BrokerShard::options() const {
  return broker_.options();
}
Metrics& BrokerShard::metrics() {
  return broker_.metrics();
}
DiagnosticSink& BrokerShard::diagnostics() {
  return broker_.diagnostics();
}

const TopicSettings* BrokerShard::settings(const TopicId& topic) const {
  const auto found = own(settings_).find(topic);
  return found == settings_.end() ? nullptr : &found->second;
}

std::shared_ptr<Partition> BrokerShard::find(const TopicPartition& id) const {
  const auto found = own(partitions_).find(id);
  return found == partitions_.end() ? nullptr : found->second;
}

std::optional<int64_t> BrokerShard::lag(const Partition& partition) const {
  if (partition.leading()) return 0;
  return replicator_ == nullptr ? std::nullopt : replicator_->lag(partition.id());
}

void BrokerShard::end_long_polls() {
  fetch_waits_.for_each([](runtime::ListNode& node) { static_cast<FetchWait&>(node).stop(); });
}

void BrokerShard::give_up_commits() {
  for (const auto& [id, partition] : partitions_) partition->give_up_commits();
}

BrokerShard& BrokerShard::owner(const TopicPartition& id) {
  return broker_.shard(broker_.store().shard_of(id));
}

void BrokerShard::begin(uint64_t incarnation, std::string cluster_id,
                        const std::set<TopicPartition>& unproven) {
  for (const TopicPartition& id : unproven) {
    if (broker_.store().shard_of(id) == index_) unproven_.insert(id);
  }
  surroundings_.shard = &shard_;
  surroundings_.self = options().id;
  surroundings_.incarnation = incarnation;
  surroundings_.lag_max = options().replica_lag_max;
  surroundings_.session_timeout = options().session_timeout;
  surroundings_.contacts = &contacts_;
  surroundings_.wants_isr = [this](Partition& partition) { isr_asker_.look_at(partition); };
  surroundings_.lease_holds = [this] { return broker_.metadata().lease_holds(); };
  replicator::ReplicatorOptions follow;
  follow.self = options().id;
  follow.incarnation = incarnation;
  follow.cluster_id = std::move(cluster_id);
  // Who has all that there is says so with each question: well within the time after which it would lag or be silent. What a
  // group manager may say hangs on it too (GroupDriver::sure).
  follow.wait_max =
      std::min<Duration>({follow.wait_max, options().session_timeout / 3, options().replica_lag_max / 3});
  follow.throttle = &broker_.follower_throttle();
  follow.moved_bytes = &metrics().moved_in;
  replicator_ = std::make_unique<replicator::Replicator>(follow, broker_.runtime(), diagnostics());
  looking_after_.spawn(shard_, look_after_leaders());
  if (options().clustered) looking_after_.spawn(shard_, repair_damages());
}

Task<bool> BrokerShard::opened(MonotonicTime deadline) {
  while (!open_ && co_await opened_up_.wait_until(deadline)) {
  }
  co_return open_;
}

void BrokerShard::open_up() {
  open_ = true;
  opened_up_.notify_all();
}

Task<void> BrokerShard::look_after_leaders() {
  while (!ending_) {
    co_await ended_.wait_until(shard_.now() + kLookAfterLeaders);
    // Rule 17: who was declared dead leads nothing any more, also where the image that says so cannot come yet (a disk that
    // hangs keeps it from joining again).
    if (broker_.suspects(options().id)) resign_all();
    isr_asker_.look_at_due();
  }
}

void BrokerShard::resign_all() {
  bool any = false;
  for (const auto& [id, partition] : partitions_) {
    if (!partition->leading()) continue;
    any = true;
    cluster::PartitionState same = partition->state();
    partition->resign(std::move(same));
  }
  if (any) groups_.apply(*image_);
}

Task<void> BrokerShard::repair_damages() {
  while (!ending_) {
    co_await ended_.wait_until(shard_.now() + kRepairAfter);
    std::vector<std::shared_ptr<Partition>> damaged;
    for (const auto& [id, partition] : partitions_) {
      if (!partition->closed() && !partition->log()->damages().empty()) damaged.push_back(partition);
    }
    for (const auto& partition : damaged) {
      if (!ending_ && !partition->closed()) co_await repair(partition);
    }
  }
}

Task<void> BrokerShard::repair(std::shared_ptr<Partition> partition) {
  // The leader first; where that has lost it too, or this broker leads, whoever else is in sync.
  const cluster::PartitionState state = partition->state();
  std::vector<BrokerId> others = state.isr;
  std::erase(others, options().id);
  std::ranges::stable_partition(others, [&](BrokerId id) { return id == state.leader; });
  std::string trouble;
  for (const BrokerId id : others) {
    if (ending_ || find(partition->id()) != partition) co_return;
    const auto broker = image_->brokers.find(id);
    if (broker == image_->brokers.end()) continue;
    const runtime::Endpoint* const at = broker->second.address(options().inter_broker_listener);
    if (at == nullptr) continue;
    const replicator::Leader from{id, broker->second.incarnation, *at};
    repairing_ = partition->id();
    const auto done =
        co_await replicator::repair(*partition->log(), from, broker_.runtime(), kRepairPatience);
    repairing_.reset();
    repaired_.notify_all();
    if (done) {
      diagnostics().emit({Severity::info,
                          "storage.repaired",
                          "a damaged part of the log was put back from another replica",
                          {{"topic", partition->topic()},
                           {"partition", to_string(partition->id().partition)},
                           {"from_broker", to_string(id)}}});
      co_return;
    }
    trouble = "broker " + to_string(id) + ": " + done.error().describe();
  }
  if (trouble.empty()) co_return;  // nobody could be asked
  diagnostics().emit({Severity::warning,
                      "storage.not_repaired",
                      "a damaged part of the log was not put back yet: " + trouble,
                      {{"topic", partition->topic()}, {"partition", to_string(partition->id().partition)}}});
}

Task<void> BrokerShard::end_replication() {
  ending_ = true;
  ended_.notify_all();
  co_await looking_after_.close();
  co_await isr_asker_.stop();
  if (replicator_) co_await replicator_->close();
}

Task<void> BrokerShard::end_changes() {
  return changing_.close();
}

Task<void> BrokerShard::image_after(cluster::ImagePtr known, MonotonicTime deadline) {
  while (image_ == known && co_await image_changed_.wait_until(deadline)) {
  }
}

std::vector<replication::LiveBroker> BrokerShard::live_brokers() const {
  std::vector<replication::LiveBroker> live;
  for (const auto& [id, broker] : image_->brokers) live.push_back({id, broker.incarnation});
  return live;
}

Task<void> BrokerShard::apply(cluster::ImagePtr image) {
  const auto arrivals = std::make_shared<Arrivals>();
  if (image->version > image_->version) {
    take_over(std::move(image), arrivals);
  } else {
    // What it says is done when all is done that later ones changed.
    arrivals->left = changes_.size();
    for (auto& [id, change] : changes_) change.waiting.push_back(arrivals);
  }
  image = nullptr;
  // Changed together: their structure records share rounds of the journal, so that a thousand elections cost a few syncs.
  while (arrivals->left > 0) co_await arrivals->all_came.wait();
  groups_.apply(*image_);
}

void BrokerShard::take_over(cluster::ImagePtr next, const std::shared_ptr<Arrivals>& arrivals) {
  const cluster::ImagePtr before = std::exchange(image_, std::move(next));
  const cluster::ImagePtr image = image_;
  image_changed_.notify_all();
  if (const auto self = image->brokers.find(options().id);
      self != image->brokers.end() && self->second.incarnation > surroundings_.incarnation) {
    // It was declared dead and has joined again.
    surroundings_.incarnation = self->second.incarnation;
    replicator_->set_incarnation(surroundings_.incarnation);
  }
  cluster::ConfigMap defaults = effective_defaults(options().topic_defaults, *image, options().id);
  const bool same_defaults = defaults == topic_defaults_;
  topic_defaults_ = std::move(defaults);
  const auto expiration =
      std::chrono::duration_cast<std::chrono::milliseconds>(options().producer_expiration);
  for (const auto& [name, topic] : image->topics()) {
    const cluster::Topic* const known = before->find(topic->id);
    if (known == topic.get() && same_defaults) continue;  // the same object: nothing changed
    TopicSettings settings = effective_settings(topic->config, topic_defaults_, topic->internal());
    settings.log.producer_expiration_ms = expiration.count();
    settings_.insert_or_assign(topic->id, std::move(settings));
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      const TopicPartition id{topic->id, PartitionIndex(static_cast<int32_t>(i))};
      if (broker_.store().shard_of(id) == index_) want(id, topic, arrivals);
    }
  }
  // Also those whose logs are only being made.
  std::set<TopicPartition> gone;
  for (const auto& [id, partition] : partitions_)
    if (image->find(id) == nullptr) gone.insert(id);
  for (const auto& [id, change] : changes_)
    if (image->find(id) == nullptr) gone.insert(id);
  for (const TopicPartition& id : gone) want(id, nullptr, arrivals);
  if (before->brokers != image->brokers) {
    const auto live = live_brokers();
    for (const auto& [id, partition] : partitions_) partition->set_live(live);
    for (const auto& [id, broker] : before->brokers) {
      if (!image->brokers.contains(id)) contacts_.forget(id);
    }
  }
}

void BrokerShard::want(const TopicPartition& id, std::shared_ptr<const cluster::Topic> topic,
                       const std::shared_ptr<Arrivals>& arrivals) {
  const auto [at, idle] = changes_.try_emplace(id);
  Change& change = at->second;
  GW_CHECK(image_->version > change.version, "no partition goes back to an older image");
  change.version = image_->version;
  change.wanted = std::move(topic);
  change.waiting.push_back(arrivals);
  ++arrivals->left;
  if (idle) GW_CHECK(changing_.spawn(shard_, this->change(id)), "images come before a shard ends");
}

Task<void> BrokerShard::change(TopicPartition id) {
  for (;;) {
    Change& change = changes_.at(id);
    auto topic = std::exchange(change.wanted, std::nullopt);
    auto waiting = std::exchange(change.waiting, {});
    if (topic && !ending_) co_await change_to(id, std::move(*topic));
    for (const auto& arrivals : waiting) {
      if (--arrivals->left == 0) arrivals->all_came.notify_all();
    }
    if (!topic) break;
  }
  changes_.erase(id);
  if (!changes_.empty() || !std::exchange(topics_went_, false)) co_return;
  std::erase_if(settings_, [&](const auto& entry) { return image_->find(entry.first) == nullptr; });
  std::erase_if(contradicted_, [&](const auto& entry) { return image_->find(entry.first) == nullptr; });
}

Task<void> BrokerShard::change_to(TopicPartition id, std::shared_ptr<const cluster::Topic> topic) {
  if (topic == nullptr) {
    topics_went_ = true;
    if (auto partition = find(id)) co_await drop_missing(std::move(partition));
    co_return;
  }
  const bool of_groups = topic->name == kConsumerOffsetsTopic;
  co_await apply_partition(std::move(topic), id.partition);
  // Groups that are managed here do not wait for other partitions.
  if (of_groups) groups_.apply(*image_);
}

// What the replicator says goes to the partition that follows.
class BrokerShard::Follower final : public replicator::FollowObserver {
 public:
  explicit Follower(std::shared_ptr<Partition> partition) : partition_(std::move(partition)) {}
  void settled(LeaderEpoch epoch) override { partition_->settled(epoch); }
  void followed() override { partition_->followed(); }

 private:
  std::shared_ptr<Partition> partition_;
};

Task<void> BrokerShard::apply_partition(std::shared_ptr<const cluster::Topic> topic, PartitionIndex index) {
  const TopicPartition id{topic->id, index};
  const cluster::PartitionState& state = topic->partitions[static_cast<size_t>(index.value())];
  auto partition = find(id);
  const bool replica = std::ranges::find(state.replicas, options().id) != state.replicas.end();
  if (partition != nullptr) {
    partition->log()->set_config(settings_.at(topic->id).log);
  } else if (replica) {
    partition = co_await open_partition(*topic, index);
  }
  if (partition == nullptr) co_return;
  const auto latest = partition->log()->epochs().latest();
  // A replica that goes is known by a newer state; an older one, or one that goes on from there, never knew of it.
  // An empty log contradicts nobody: it has nothing to lose.
  const bool empty = partition->log()->start() == partition->log()->end();
  const bool older = (latest && !empty && cluster::contradicts(state, *latest)) ||
                     (latest && *latest > state.leader_epoch) ||
                     (!replica && (state.version < partition->state().version || contradicted_.contains(id)));
  if (older) {
    // Rule 3: a store that was restored from a backup, or is another cluster's, must not make us forget.
    partition->resign(state);
    co_await replicator_->unfollow(id);
    if (contradicted_.insert_or_assign(id, state.leader_epoch).second) {
      diagnostics().emit(
          {Severity::error,
           "cluster.store_is_older",
           "this broker knows a later state of the partition than the coordination store: it is not "
           "served here, and its log stays (was the store restored from a backup?)",
           {{"topic", topic->name},
            {"partition", to_string(index)},
            {"epoch", to_string(latest.value_or(kNoLeaderEpoch))},
            {"store_epoch", to_string(state.leader_epoch)}}});
    }
    co_return;
  }
  contradicted_.erase(id);
  if (!replica) {
    co_await drop(std::move(partition));
    co_return;
  }
  const bool leads = state.leader == options().id && state.leader_incarnation == surroundings_.incarnation;
  // When it joined it was taken out of the ISR: who is in it again has caught up with a leader; and who leads all the same
  // is the only replica, or was ordered to (unclean election): what it has is the log from now on.
  const bool in_sync = leads || std::ranges::find(state.isr, options().id) != state.isr.end();
  if (in_sync && unproven_.erase(id) > 0) broker_.store().set_proven(id);
  if (!leads) {
    partition->resign(state);
    co_await follow(partition, state);
    co_return;
  }
  const int min_insync = cluster::min_insync(*topic, topic_defaults_);
  if (partition->leading() && partition->leader()->epoch() == state.leader_epoch) {
    partition->update(state, min_insync);
    // A replica that came with this state is not known to live yet.
    partition->set_live(live_brokers());
    co_return;
  }
  co_await replicator_->unfollow(id);
  followers_.erase(id);
  if (ending_) co_return;
  auto led = co_await partition->lead(state, min_insync, live_brokers());
  // Brokers may have come and gone meanwhile.
  partition->set_live(live_brokers());
  if (!led) {
    diagnostics().emit({Severity::error,
                        "storage.epoch_not_begun",
                        led.error().message,
                        {{"topic", topic->name}, {"partition", to_string(index)}}});
  }
}

Task<void> BrokerShard::follow(const std::shared_ptr<Partition>& partition,
                               const cluster::PartitionState& state) {
  const TopicPartition id = partition->id();
  const auto leader = image_->brokers.find(state.leader);
  const runtime::Endpoint* const at =
      leader == image_->brokers.end() ? nullptr : leader->second.address(options().inter_broker_listener);
  if (at == nullptr || state.leader == options().id) {
    co_await replicator_->unfollow(id);
    co_return;
  }
  if (ending_) co_return;
  auto& follower = followers_[id];
  if (follower == nullptr) follower = std::make_unique<Follower>(partition);
  const auto latest = partition->log()->epochs().latest();
  replicator_->follow(
      {.id = id,
       .log = partition->log(),
       .epoch = state.leader_epoch,
       .leader = {state.leader, leader->second.incarnation, *at},
       .accept_loss = state.unclean_epoch > latest.value_or(kNoLeaderEpoch),
       .throttled = is_on_its_way(state, options().id, settings_.at(id.topic).follower_throttled,
                                  id.partition, options().id),
       .observer = follower.get()});
}

Task<std::shared_ptr<Partition>> BrokerShard::open_partition(const cluster::Topic& topic,
                                                             PartitionIndex index) {
  const TopicPartition id{topic.id, index};
  auto log = co_await broker_.store().create(id, settings_.at(topic.id).log);
  if (!log) {
    // Without its log a partition is not served: clients are told that its leader is not available, and retry.
    diagnostics().emit({Severity::error,
                        "storage.partition_not_created",
                        log.error().message,
                        {{"topic", topic.name}, {"partition", to_string(index)}}});
    co_return nullptr;
  }
  auto partition = std::make_shared<Partition>(id, topic.name, **log, surroundings_);
  partitions_[id] = partition;
  co_return partition;
}

Task<void> BrokerShard::drop(std::shared_ptr<Partition> partition) {
  const TopicPartition id = partition->id();
  co_await let_go(partition);
  auto dropped = co_await broker_.store().drop(id);
  if (dropped) co_return;
  // The next start drops it.
  diagnostics().emit({Severity::warning,
                      "storage.partition_not_dropped",
                      dropped.error().message,
                      {{"topic", partition->topic()}, {"partition", to_string(id.partition)}}});
}

Task<void> BrokerShard::let_go(std::shared_ptr<Partition> partition) {
  const TopicPartition id = partition->id();
  co_await replicator_->unfollow(id);
  followers_.erase(id);
  partitions_.erase(id);
  while (repairing_ == id) co_await repaired_.wait();
  partition->close();
}

Task<void> BrokerShard::drop_missing(std::shared_ptr<Partition> partition) {
  const TopicPartition id = partition->id();
  co_await let_go(std::move(partition));
  missing_.insert(id);
  const auto lock = co_await deciding_.lock();
  // Whoever had the lock before asked for all that had come by then.
  if (!missing_.contains(id)) co_return;
  std::vector<TopicPartition> unknown(missing_.begin(), missing_.end());
  missing_.clear();
  // Rule 3: a log goes only where its topic was deleted; that the store does not know it is no proof.
  co_await broker_.on_first(
      [this, unknown = std::move(unknown)] { return broker_.unknown_logs().decide(unknown); });
}

}  // namespace godwit::broker
