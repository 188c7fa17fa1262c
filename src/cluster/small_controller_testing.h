// For tests of the broker's side: a controller that does little, slowly and simply. It keeps partitions and who joined in the
// store under its fence, so that the next one goes on from there.
#pragma once

#include "cluster/controller.h"
#include "cluster/image_wire.h"
#include "cluster/metadata_load.h"
#include "cluster/stored_broker.h"
#include "runtime/sync.h"

namespace godwit::cluster {

class SmallController final : public Controller {
 public:
  static runtime::Task<Result<std::unique_ptr<Controller>>> open(ControllerOptions options,
                                                                 coordination::Coordination& store,
                                                                 runtime::Runtime& runtime,
                                                                 DiagnosticSink& diagnostics) {
    auto self = std::make_unique<SmallController>(options, store, runtime);
    auto image = co_await load_image(store, diagnostics);
    if (!image) co_return fail(image.error());
    const auto joined = co_await store.list("/joined/");
    if (!joined) co_return fail(joined.error());
    for (const auto& entry : *joined) {
      const BrokerId id(std::stoi(entry.key.substr(8)));
      const auto incarnation = stored_value<StoredCounter>(entry);
      if (incarnation && incarnation->next > 0) {
        image->brokers[id].id = id;
        image->brokers[id].incarnation = static_cast<uint64_t>(incarnation->next);
      }
    }
    image->controller = options.self;
    image->version = {options.fence, 1};
    self->image_ = std::make_shared<const Image>(std::move(*image));
    co_return std::unique_ptr<Controller>(std::move(self));
  }
  SmallController(ControllerOptions options, coordination::Coordination& store, runtime::Runtime& runtime)
      : options_(std::move(options)), store_(store), runtime_(runtime) {}

  ImagePtr image() const override { return image_; }
  runtime::Task<void> deposed() override {
    while (!deposed_) co_await changed_.wait();
  }
  void registered(const BrokerInfo& broker) override {
    registered_[broker.id] = broker;
    const auto found = image_->brokers.find(broker.id);
    if (found == image_->brokers.end()) return;
    if (found->second.incarnation == broker.incarnation) {
      change_later([=](Image& next) { next.brokers[broker.id] = broker; });
    } else if (found->second.incarnation < broker.incarnation) {
      change_later([=](Image& next) { next.brokers.erase(broker.id); });
    }
  }
  runtime::Task<void> died(BrokerId id, uint64_t incarnation, std::string) override {
    dead_.insert({id, incarnation});
    co_await change([=](Image& next) {
      const auto found = next.brokers.find(id);
      if (found != next.brokers.end() && found->second.incarnation == incarnation) next.brokers.erase(found);
    });
  }
  runtime::Task<kafka::ClusterPollResponse> poll(kafka::ClusterPollRequest request) override {
    const MonotonicTime until = runtime_.shard(0).now() + std::chrono::milliseconds(request.max_wait_ms);
    kafka::ClusterPollResponse refusal;
    for (;;) {
      if (closed_ || deposed_) {
        refusal.error_code = ErrorCode::not_controller;
        co_return refusal;
      }
      if (stale(request.broker_id, static_cast<uint64_t>(request.incarnation))) {
        refusal.error_code = ErrorCode::stale_broker_epoch;
        co_return refusal;
      }
      const ImageVersion version{request.fence, request.sequence};
      if (version != image_->version) co_return full(*image_);
      if (!co_await changed_.wait_until(until)) break;
    }
    kafka::ClusterPollResponse nothing;
    nothing.fence = image_->version.fence;
    nothing.sequence = image_->version.sequence;
    nothing.controller = options_.self;
    nothing.cluster_id = options_.cluster_id;
    co_return nothing;
  }
  runtime::Task<kafka::BrokerReportResponse> report(kafka::BrokerReportRequest request) override {
    kafka::BrokerReportResponse response;
    const auto incarnation = static_cast<uint64_t>(request.incarnation);
    if (stale(request.broker_id, incarnation)) {
      response.error_code = ErrorCode::stale_broker_epoch;
    } else if (request.kind == kafka::BrokerReportRequest::kJoin) {
      ++joins;
      const BrokerInfo info = registered_[request.broker_id];
      const bool done = co_await change([=](Image& next) { next.brokers[info.id] = info; });
      if (!done) response.error_code = ErrorCode::not_controller;
    } else if (request.kind == kafka::BrokerReportRequest::kLeave) {
      leaving_.insert(request.broker_id);
      (void)co_await change([](Image&) {});
      for (const auto& [name, topic] : image_->topics())
        for (const auto& partition : topic->partitions)
          response.still_leading += partition.leader == request.broker_id;
    } else {
      if (request.can_append) {
        leaving_.erase(request.broker_id);
      } else {
        leaving_.insert(request.broker_id);
      }
      (void)co_await change([](Image&) {});
    }
    co_return response;
  }
  runtime::Task<std::vector<IsrOutcome>> alter_isr(BrokerId, uint64_t,
                                                   std::vector<IsrChange> changes) override {
    std::vector<IsrOutcome> outcomes;
    for (const auto& wish : changes) outcomes.push_back({wish.id, ErrorCode::none, wish.version + 1});
    co_return outcomes;
  }
  runtime::Task<Changed<std::shared_ptr<const Topic>>> create_topic(NewTopic wish, bool) override {
    auto topic = std::make_shared<Topic>();
    topic->id = Uuid::from_random(runtime_.shard(0).random().bytes16());
    topic->name = wish.name;
    PartitionState state;
    for (const auto& [id, info] : image_->brokers)
      if (state.replicas.size() < static_cast<size_t>(wish.replication_factor)) state.replicas.push_back(id);
    if (state.replicas.size() < static_cast<size_t>(wish.replication_factor)) {
      co_return tl::unexpected(Refusal{ErrorCode::invalid_replication_factor, "too few brokers"});
    }
    state.version = 1;
    state.isr = state.replicas;
    for (int32_t i = 0; i < wish.partitions; ++i) {
      std::ranges::rotate(state.replicas, state.replicas.begin() + (i > 0));
      state.leader = state.replicas.front();
      state.leader_incarnation = image_->brokers.at(state.leader).incarnation;
      topic->partitions.push_back(state);
    }
    coordination::Transaction transaction;
    fenced(transaction);
    transaction.put(keys::topic(topic->id), stored_bytes(StoredTopic{topic->name, wish.partitions, {}}));
    transaction.put(keys::name(topic->name), to_bytes(to_string(topic->id)));
    for (size_t i = 0; i < topic->partitions.size(); ++i)
      transaction.put(keys::partition(topic->id, i), stored_bytes(from_state(topic->partitions[i])));
    const auto done = co_await store_.commit(std::move(transaction));
    if (!done) co_return tl::unexpected(Refusal{ErrorCode::request_timed_out, done.error().message});
    (void)co_await change([=](Image& next) { next.put(topic); });
    co_return topic;
  }
  static tl::unexpected<Refusal> no() {
    return tl::unexpected(Refusal{ErrorCode::invalid_request, "not in this one"});
  }
  runtime::Task<Changed<void>> delete_topic(TopicId) override { co_return no(); }
  runtime::Task<Changed<void>> create_partitions(TopicId, int32_t, std::vector<std::vector<BrokerId>>,
                                                 bool) override {
    co_return no();
  }
  runtime::Task<Changed<void>> alter_topic_config(TopicId, ConfigEdit, bool) override { co_return no(); }
  runtime::Task<Changed<void>> alter_broker_config(BrokerId, ConfigEdit, bool) override { co_return no(); }
  runtime::Task<std::vector<Changed<void>>> reassign(std::vector<Reassignment>) override { co_return {}; }
  runtime::Task<std::vector<Changed<void>>> elect(bool, std::vector<TopicPartition>) override {
    co_return {};
  }
  runtime::Task<kafka::ClusterCommandResponse> command(kafka::ClusterCommandRequest) override {
    co_return {};
  }
  runtime::Task<void> close() override {
    closed_ = true;
    changed_.notify_all();
    co_await gate_.close();
  }

  int joins = 0;

 private:
  bool stale(BrokerId id, uint64_t incarnation) const {
    if (dead_.contains({id, incarnation})) return true;
    const auto known = registered_.find(id);
    if (known != registered_.end()) return known->second.incarnation != incarnation;
    const auto live = image_->brokers.find(id);
    return live == image_->brokers.end() || live->second.incarnation != incarnation;
  }
  void fenced(coordination::Transaction& transaction) const {
    transaction.require(std::string(keys::kFence), options_.fence_version);
  }
  void change_later(std::function<void(Image&)> edit) {
    gate_.spawn(runtime_.shard(0), change_alone(this, std::move(edit)));
  }
  static runtime::Task<void> change_alone(SmallController* self, std::function<void(Image&)> edit) {
    (void)co_await self->change(std::move(edit));
  }
  // False where it could not be written: somebody else holds the office.
  runtime::Task<bool> change(std::function<void(Image&)> edit) {
    const auto lock = co_await changing_.lock();
    for (;;) {
      if (closed_ || deposed_) co_return false;
      auto next = std::make_shared<Image>(*image_);
      edit(*next);
      Eligible eligible;
      for (const auto& [id, info] : next->brokers) eligible.live[id] = info.incarnation;
      eligible.not_to_lead = leaving_;
      coordination::Transaction transaction;
      fenced(transaction);
      for (const auto& [id, info] : next->brokers) put_joined(transaction, id, info.incarnation);
      for (const auto& [id, info] : image_->brokers)
        if (!next->brokers.contains(id)) put_joined(transaction, id, 0);
      for (const auto& [name, topic] : image_->topics()) {
        auto changed = std::make_shared<Topic>(*topic);
        for (size_t i = 0; i < changed->partitions.size(); ++i) {
          auto state = after_change_of_brokers(topic->partitions[i], eligible, min_insync(*topic, {}));
          if (!state) continue;
          changed->partitions[i] = *state;
          transaction.put(keys::partition(topic->id, i), stored_bytes(from_state(*state)));
        }
        next->put(std::move(changed));
      }
      const auto done = co_await store_.commit(std::move(transaction));
      if (!done && done.error().kind == ErrorKind::conflict) {
        deposed_ = true;
        changed_.notify_all();
        co_return false;
      }
      if (!done) {
        co_await runtime::sleep_for(std::chrono::milliseconds(20));
        continue;
      }
      ++next->version.sequence;
      image_ = next;
      changed_.notify_all();
      co_return true;
    }
  }
  static void put_joined(coordination::Transaction& transaction, BrokerId id, uint64_t incarnation) {
    transaction.put("/joined/" + to_string(id),
                    stored_bytes(StoredCounter{static_cast<int64_t>(incarnation)}));
  }

  ControllerOptions options_;
  coordination::Coordination& store_;
  runtime::Runtime& runtime_;
  ImagePtr image_;
  std::map<BrokerId, BrokerInfo> registered_;
  std::set<std::pair<BrokerId, uint64_t>> dead_;
  std::set<BrokerId> leaving_;
  bool closed_ = false;
  bool deposed_ = false;
  runtime::Condition changed_;
  runtime::Mutex changing_;
  runtime::Gate gate_;
};

}  // namespace godwit::cluster
