#include "cluster/metadata.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "cluster/metadata_load.h"
#include "cluster/stored.h"
#include "runtime/sync.h"

namespace godwit::cluster {
namespace {

using coordination::Coordination;
using coordination::kAbsent;
using coordination::Transaction;
using runtime::Task;

// Partition keys written in one transaction, with room for conditions.
constexpr size_t kPartitionsAtOnce = 100;
constexpr int kConflictsMax = 10;

template <class T>
Bytes stored(const T& value) {
  auto bytes = codec::encode_versioned(value, T::kFormat.versions.last);
  GW_CHECK(bytes.has_value(), "what godwit stores can be encoded");
  return std::move(*bytes);
}

tl::unexpected<Refusal> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(Refusal{code, std::move(message)});
}

// What a client is told when the store does not do it: to try again.
tl::unexpected<Refusal> refuse(const Error& error) {
  if (error.kind == ErrorKind::limit) return refuse(ErrorCode::invalid_request, error.message);
  return refuse(ErrorCode::request_timed_out, "the coordination store: " + error.message);
}

class MetadataOfOne final : public Metadata {
 public:
  MetadataOfOne(MetadataOptions options, Coordination& store, runtime::Runtime& runtime)
      : options_(std::move(options)), store_(store), runtime_(runtime) {}

  Task<Result<void>> load(DiagnosticSink& diagnostics) {
    auto loaded = co_await load_image(store_, diagnostics);
    if (!loaded) co_return fail(loaded.error());
    auto image = std::make_shared<Image>(std::move(*loaded));
    GW_TRY(co_return, co_await claim_cluster(*image));
    auto incarnation = co_await raise(keys::incarnation(options_.self.id), 1, 1);
    if (!incarnation) co_return fail(ErrorKind::unavailable, incarnation.error().message);
    options_.self.incarnation = static_cast<uint64_t>(*incarnation);
    image->brokers[options_.self.id] = options_.self;
    image->controller = options_.self.id;
    image->version = 1;
    image_.store(std::move(image));
    co_return Result<void>();
  }

  ImagePtr image() const override { return image_.load(); }
  void on_change(std::function<Task<void>(ImagePtr, ImagePtr)> callback) override {
    callback_ = std::move(callback);
  }

  Task<Changed<std::shared_ptr<const Topic>>> create_topic(NewTopic wish, bool validate_only) override {
    const auto lock = co_await changing_.lock();
    const ImagePtr now = image();
    if (now->find(wish.name) != nullptr) {
      co_return refuse(ErrorCode::topic_already_exists, "Topic '" + wish.name + "' already exists.");
    }
    for (const auto& [name, topic] : now->topics()) {
      if (topic_names_collide(name, wish.name)) {
        co_return refuse(ErrorCode::invalid_topic_exception,
                         "Topic '" + wish.name + "' collides with existing topic: " + name);
      }
    }
    auto topic = std::make_shared<Topic>();
    topic->name = wish.name;
    topic->config = std::move(wish.config);
    topic->id = Uuid::from_random(runtime_.shard(0).random().bytes16());
    if (wish.partitions <= 0)
      co_return refuse(ErrorCode::invalid_partitions, "a topic has at least one partition");
    auto placed = place(wish.partitions, wish.replication_factor, wish.assignment);
    if (!placed) co_return tl::unexpected(placed.error());
    topic->partitions = std::move(*placed);
    if (validate_only) co_return topic;

    // Partitions first: a crash in between leaves keys that no topic names, which the next start removes.
    if (auto put = co_await put_partitions(*topic, 0); !put) co_return refuse(put.error());
    Transaction claim;
    claim.require(keys::name(topic->name), kAbsent).require(keys::topic(topic->id), kAbsent);
    claim.put(keys::name(topic->name), to_bytes(to_string(topic->id)));
    claim.put(keys::topic(topic->id), encode(*topic));
    if (auto done = co_await store_.commit(std::move(claim)); !done) co_return refuse(done.error());
    co_await change([&](Image& image) { image.put(topic); });
    co_return topic;
  }

  Task<Changed<void>> delete_topic(TopicId id) override {
    const auto lock = co_await changing_.lock();
    const ImagePtr now = image();
    const Topic* const topic = now->find(id);
    if (topic == nullptr) co_return refuse(ErrorCode::unknown_topic_id, "there is no topic with this id");
    Transaction transaction;
    transaction.remove(keys::topic(id))
        .remove(keys::name(topic->name))
        .put(keys::tombstone(id), to_bytes(topic->name));
    if (auto done = co_await store_.commit(std::move(transaction)); !done) co_return refuse(done.error());
    co_await change([&](Image& image) { image.remove(*topic); });
    // The logs are gone when the callback has returned; until then the tombstone and these keys tell a next start.
    for (size_t from = 0; from < topic->partitions.size(); from += kPartitionsAtOnce) {
      Transaction cleaning;
      for (size_t i = from; i < std::min(topic->partitions.size(), from + kPartitionsAtOnce); ++i) {
        cleaning.remove(keys::partition(id, i));
      }
      (void)co_await store_.commit(std::move(cleaning));
    }
    co_return Changed<void>();
  }

  Task<Changed<void>> create_partitions(TopicId id, int32_t count,
                                        std::vector<std::vector<BrokerId>> assignment,
                                        bool validate_only) override {
    const auto lock = co_await changing_.lock();
    const ImagePtr now = image();
    const Topic* const topic = now->find(id);
    if (topic == nullptr) co_return refuse(ErrorCode::unknown_topic_or_partition, "there is no such topic");
    const auto have = static_cast<int32_t>(topic->partitions.size());
    if (count <= have) {
      co_return refuse(ErrorCode::invalid_partitions, "Topic currently has " + std::to_string(have) +
                                                          " partitions, which is higher than the requested " +
                                                          std::to_string(count) + ".");
    }
    if (!assignment.empty() && assignment.size() != static_cast<size_t>(count - have)) {
      co_return refuse(ErrorCode::invalid_replica_assignment,
                       "the assignment has not one entry for each new partition");
    }
    const auto factor = static_cast<int16_t>(topic->partitions.front().replicas.size());
    auto placed = place(count - have, factor, assignment);
    if (!placed) co_return tl::unexpected(placed.error());
    if (validate_only) co_return Changed<void>();
    auto larger = std::make_shared<Topic>(*topic);
    larger->partitions.insert(larger->partitions.end(), placed->begin(), placed->end());
    if (auto put = co_await put_partitions(*larger, static_cast<size_t>(have)); !put)
      co_return refuse(put.error());
    co_return co_await replace(std::move(larger));
  }

  Task<Changed<void>> alter_topic_config(TopicId id,
                                         std::function<Changed<ConfigMap>(const ConfigMap&)> alter,
                                         bool validate_only) override {
    const auto lock = co_await changing_.lock();
    const ImagePtr now = image();
    const Topic* const topic = now->find(id);
    if (topic == nullptr) co_return refuse(ErrorCode::unknown_topic_or_partition, "there is no such topic");
    auto config = alter(topic->config);
    if (!config) co_return tl::unexpected(config.error());
    if (validate_only || *config == topic->config) co_return Changed<void>();
    auto altered = std::make_shared<Topic>(*topic);
    altered->config = std::move(*config);
    co_return co_await replace(std::move(altered));
  }

  Task<Changed<void>> alter_broker_config(BrokerId id,
                                          std::function<Changed<ConfigMap>(const ConfigMap&)> alter,
                                          bool validate_only) override {
    const auto lock = co_await changing_.lock();
    const ImagePtr now = image();
    const auto found = now->broker_configs.find(id);
    auto config = alter(found == now->broker_configs.end() ? ConfigMap{} : found->second);
    if (!config) co_return tl::unexpected(config.error());
    if (validate_only) co_return Changed<void>();
    Transaction transaction;
    transaction.put(keys::broker_config(id), stored(StoredSettings{from_config(*config)}));
    if (auto done = co_await store_.commit(std::move(transaction)); !done) co_return refuse(done.error());
    co_await change([&](Image& image) { image.broker_configs[id] = *config; });
    co_return Changed<void>();
  }

  Task<Changed<int64_t>> reserve_producer_ids(int64_t count, int64_t at_least) override {
    return raise(std::string(keys::kProducerIds), count, at_least);
  }

  Task<Changed<std::vector<TopicId>>> tombstones() override {
    auto listed = co_await store_.list(std::string(keys::kTombstones));
    if (!listed) co_return refuse(listed.error());
    std::vector<TopicId> ids;
    for (const auto& entry : *listed) {
      if (const auto id = Uuid::parse(std::string_view(entry.key).substr(keys::kTombstones.size())))
        ids.push_back(*id);
    }
    co_return ids;
  }

  Task<Changed<void>> forget_tombstone(TopicId id) override {
    Transaction transaction;
    transaction.remove(keys::tombstone(id));
    if (auto done = co_await store_.commit(std::move(transaction)); !done) co_return refuse(done.error());
    co_return Changed<void>();
  }

  Task<void> close() override {
    callback_ = nullptr;
    co_return;
  }

 private:
  static Bytes encode(const Topic& topic) {
    return stored(
        StoredTopic{topic.name, static_cast<int32_t>(topic.partitions.size()), from_config(topic.config)});
  }

  // One broker leads everything. An assignment must name it and nobody else.
  Changed<std::vector<PartitionState>> place(int32_t count, int16_t factor,
                                             const std::vector<std::vector<BrokerId>>& assignment) const {
    for (const auto& replicas : assignment) {
      if (replicas.empty())
        return refuse(ErrorCode::invalid_replica_assignment, "a partition has at least one replica");
      if (std::set<BrokerId>(replicas.begin(), replicas.end()).size() != replicas.size()) {
        return refuse(ErrorCode::invalid_replica_assignment, "a broker is named twice for one partition");
      }
      for (const BrokerId id : replicas) {
        if (id != options_.self.id) {
          return refuse(ErrorCode::invalid_replica_assignment, "there is no broker " + to_string(id));
        }
      }
    }
    if (assignment.empty() && factor != 1) {
      return refuse(ErrorCode::invalid_replication_factor,
                    "Unable to replicate the partition " + std::to_string(factor) +
                        " time(s): The target replication factor of " + std::to_string(factor) +
                        " cannot be reached because only 1 broker(s) are registered.");
    }
    const BrokerId self = options_.self.id;
    return std::vector<PartitionState>(static_cast<size_t>(count),
                                       PartitionState{self, LeaderEpoch(0), {self}, {self}});
  }

  Task<Result<void>> put_partitions(const Topic& topic, size_t first) {
    for (size_t from = first; from < topic.partitions.size(); from += kPartitionsAtOnce) {
      Transaction transaction;
      for (size_t i = from; i < std::min(topic.partitions.size(), from + kPartitionsAtOnce); ++i) {
        const PartitionState& state = topic.partitions[i];
        StoredPartition partition;
        partition.version = 1;
        partition.replicas = state.replicas;
        partition.leader = state.leader;
        partition.leader_incarnation = static_cast<int64_t>(options_.self.incarnation);
        partition.leader_epoch = state.leader_epoch;
        partition.isr = state.isr;
        transaction.put(keys::partition(topic.id, i), stored(partition));
      }
      GW_TRY(co_return, co_await store_.commit(std::move(transaction)));
    }
    co_return Result<void>();
  }

  // The topic's own key anew: partitions beyond its count do not exist.
  Task<Changed<void>> replace(std::shared_ptr<Topic> topic) {
    Transaction transaction;
    transaction.put(keys::topic(topic->id), encode(*topic));
    if (auto done = co_await store_.commit(std::move(transaction)); !done) co_return refuse(done.error());
    co_await change([&](Image& image) { image.put(std::move(topic)); });
    co_return Changed<void>();
  }

  // The next image, known everywhere when it returns.
  template <class Edit>
  Task<void> change(Edit edit) {
    const ImagePtr before = image();
    auto next = std::make_shared<Image>(*before);
    edit(*next);
    ++next->version;
    const ImagePtr after = std::move(next);
    image_.store(after);
    if (callback_) co_await callback_(before, after);
  }

  Task<Result<void>> claim_cluster(Image& image) {
    if (!image.cluster_id.empty()) {
      if (!options_.cluster_id.empty() && options_.cluster_id != image.cluster_id) {
        co_return fail(ErrorKind::conflict, "the coordination store belongs to cluster " + image.cluster_id +
                                                ", this broker to " + options_.cluster_id);
      }
      co_return Result<void>();
    }
    image.cluster_id = !options_.cluster_id.empty()
                           ? options_.cluster_id
                           : to_string(Uuid::from_random(runtime_.shard(0).random().bytes16()));
    Transaction transaction;
    transaction.require(std::string(keys::kCluster), kAbsent);
    transaction.put(std::string(keys::kCluster), stored(StoredCluster{image.cluster_id}));
    co_return co_await store_.commit(std::move(transaction));
  }

  // Raises a counter by `count` and gives the first number of the stretch.
  Task<Changed<int64_t>> raise(std::string key, int64_t count, int64_t at_least) {
    for (int attempt = 0; attempt < kConflictsMax; ++attempt) {
      auto found = co_await store_.get(key);
      if (!found) co_return refuse(found.error());
      int64_t next = at_least;
      if (*found) {
        const auto counter = codec::decode_versioned<StoredCounter>(SharedBytes::copy((*found)->value));
        if (!counter) co_return refuse(ErrorCode::unknown_server_error, key + ": " + counter.error().message);
        next = std::max(next, counter->next);
      }
      Transaction transaction;
      transaction.require(key, *found ? (*found)->version : kAbsent)
          .put(key, stored(StoredCounter{next + count}));
      const auto done = co_await store_.commit(std::move(transaction));
      if (done) co_return next;
      if (done.error().kind != ErrorKind::conflict) co_return refuse(done.error());
    }
    co_return refuse(ErrorCode::request_timed_out, "others change " + key + " all the time");
  }

  MetadataOptions options_;
  Coordination& store_;
  runtime::Runtime& runtime_;
  std::atomic<ImagePtr> image_;
  std::function<Task<void>(ImagePtr, ImagePtr)> callback_;
  runtime::Mutex changing_;
};

}  // namespace

Task<Result<std::unique_ptr<Metadata>>> Metadata::start(MetadataOptions options, Coordination& store,
                                                        runtime::Runtime& runtime,
                                                        DiagnosticSink& diagnostics) {
  auto metadata = std::make_unique<MetadataOfOne>(std::move(options), store, runtime);
  GW_TRY(co_return, co_await metadata->load(diagnostics));
  co_return std::move(metadata);
}

}  // namespace godwit::cluster
