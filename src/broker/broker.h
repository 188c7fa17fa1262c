// A broker: joins storage, metadata, groups and the Kafka protocol, and serves clients.
//
//   auto broker = co_await Broker::start(options, runtime, coordination, diagnostics, metrics);
//   …
//   co_await (*broker)->stop();
//
// start and stop on shard 0. The runtime, the coordination store, diagnostics and metrics must outlive it.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "broker/broker_shard.h"
#include "broker/cluster_gauges.h"
#include "broker/incarnation_file.h"
#include "broker/options.h"
#include "broker/unknown_logs.h"
#include "cluster/metadata.h"
#include "coordination/coordination.h"
#include "metrics/registry.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"
#include "storage/store.h"

namespace godwit::broker {

class ProducerIds;

// A connection as the broker sees it when it stops.
class OpenConnection {
 public:
  virtual ~OpenConnection() = default;
  virtual const runtime::Endpoint& peer() const = 0;
  // Answers what is under way, then closes.
  virtual void finish() = 0;
  virtual void abort() = 0;
};

class Broker {
 public:
  // Recovers the data directory, loads the metadata and listens; when it returns, clients are served. Where options.was_member,
  // nothing of the directory is written before the coordination store was seen to be its cluster's. Errors: those of
  // check_cluster (cluster_id.h), Store::open, Metadata::start and Network::listen.
  static runtime::Task<Result<std::unique_ptr<Broker>>> start(BrokerOptions options,
                                                              runtime::Runtime& runtime,
                                                              coordination::Coordination& coordination,
                                                              DiagnosticSink& diagnostics,
                                                              metrics::Registry& metrics);
  ~Broker();

  // Accepts no more, lets requests under way end within the shutdown timeout, closes connections, writes the storage's
  // state. Errors: those of Store::close.
  runtime::Task<Result<void>> stop();

  const BrokerOptions& options() const { return options_; }
  // The addresses that were bound, in the order of options().listeners.
  const std::vector<runtime::Endpoint>& addresses() const { return addresses_; }
  // Whether requests are served: for /readyz. Any thread.
  bool ready() const { return ready_.load(std::memory_order_acquire); }
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }

  // For handlers, on any shard.
  size_t shard_count() const { return shards_.size(); }
  BrokerShard& shard(size_t index) { return *shards_[index]; }
  cluster::Metadata& metadata() const {
    return *known_metadata_.load(std::memory_order_acquire);
  }  // its changes: on shard 0 (see on_first)
  // False until this broker has begun to find its place in the cluster: metadata() is not to be used.
  bool knows_cluster() const { return known_metadata_ != nullptr; }
  // Whether that broker's connection broke, so that clients had better not be sent to it. Any shard.
  bool suspects(BrokerId id) const { return knows_cluster() && metadata().suspected(id); }
  storage::Store& store() { return *store_; }
  ProducerIds& producer_ids() { return *producer_ids_; }
  // On shard 0.
  UnknownLogs& unknown_logs() { return unknown_logs_; }
  // Held on shard 0 from counting partitions until those that are added count too.
  runtime::Mutex& adding_partitions() { return adding_partitions_; }
  Metrics& metrics() { return metrics_; }
  // Of all shards: what leaves for replicas that are copied elsewhere, and what comes for those that are copied here.
  replicator::Throttle& leader_throttle() { return leader_throttle_; }
  replicator::Throttle& follower_throttle() { return follower_throttle_; }
  DiagnosticSink& diagnostics() { return diagnostics_; }
  runtime::Runtime& runtime() { return runtime_; }

  // Runs `function` on shard 0, where metadata is changed.
  template <class F>
  auto on_first(F function) {
    return runtime_.shard(0).call(std::move(function));
  }

  // Connections, counted and known so that stop() can close them. enter() is false when the limit is reached or the
  // broker is stopping: the connection is to be closed. On the connection's shard.
  bool enter(OpenConnection& connection, BrokerShard& shard);
  void leave(OpenConnection& connection, BrokerShard& shard);
  // The connection goes on on another shard: it leaves this one, counted as before, and `serve` takes it up there, where it
  // comes back with enter_again(). Dropped where that shard serves no more.
  using Serve = std::move_only_function<runtime::Task<void>()>;
  void move_on(OpenConnection& connection, BrokerShard& from, BrokerShard& to, Serve serve);
  bool enter_again(OpenConnection& connection, BrokerShard& shard);
  uint64_t next_connection_number() { return connection_numbers_.fetch_add(1) + 1; }
  // One diagnostic line about somebody who is sent away; at most ten a second, all of them are counted in metrics.
  void tell_of_refusal(const Diagnostic& diagnostic);
  // The same about one who does not speak Kafka, or came when there were too many.
  void tell_of_stranger(const runtime::Endpoint& peer, const std::string& advice,
                        const std::string& first_bytes);

 private:
  Broker(BrokerOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics,
         metrics::Registry& metrics);
  // All of start() but the constructor; after an error close_parts() puts away what was made.
  runtime::Task<Result<void>> open(coordination::Coordination& coordination);
  // Ends what open() began, each thing on the shard it belongs to. Errors: those of Store::close.
  runtime::Task<Result<void>> close_parts();
  // Hands leadership over, for a bounded time.
  runtime::Task<void> leave();
  runtime::Task<void> hand_over(Duration patience);
  // Takes no more connections, answers what is under way, and closes all.
  runtime::Task<void> give_up_commits(MonotonicTime deadline);
  runtime::Task<void> end_serving();
  runtime::Task<Result<void>> join(coordination::Coordination& coordination);
  Result<std::map<std::string, runtime::Endpoint>> advertised() const;
  // Of the partitions that this broker is in sync with, as the image says: those of which the disk cannot prove it.
  runtime::Task<std::vector<TopicPartition>> unproven(cluster::ImagePtr image);
  // Logs that know more than the image.
  runtime::Task<std::vector<cluster::LaterLog>> later_logs(cluster::ImagePtr image);
  // Whether the store can append: to the controller, once there is somebody who tells it.
  void report_health();
  // Whether this data directory was ever part of the cluster under its storage id; from note_joined() on it was.
  runtime::Task<Result<bool>> was_joined();
  runtime::Task<Result<void>> note_joined();
  runtime::Task<void> beat(size_t shard);
  bool healthy() const;
  runtime::Task<Result<void>> listen();
  void list(OpenConnection& connection, BrokerShard& shard);
  void strike(OpenConnection& connection, BrokerShard& shard);
  runtime::Task<void> accept(runtime::Listener& listener, BrokerShard& shard, std::string name);
  runtime::Task<void> apply(cluster::ImagePtr image);
  // From one image to the next.
  runtime::Task<void> follow(cluster::ImagePtr before, cluster::ImagePtr after);
  runtime::Task<void> drop_moved(TopicPartition id, cluster::PartitionState state);
  runtime::Task<void> compare_store_with(cluster::ImagePtr image);

  // What lives on a shard beside BrokerShard, and is made and destroyed there.
  struct Serving {
    std::vector<std::unique_ptr<runtime::Listener>> listeners;
    std::set<OpenConnection*> connections;
    runtime::Gate tasks;
    runtime::Condition ended;
  };

  BrokerOptions options_;
  size_t connections_max_;
  runtime::Runtime& runtime_;
  DiagnosticSink& diagnostics_;
  metrics::Registry& registry_;
  Metrics metrics_;
  ClusterGauges cluster_gauges_;
  replicator::Throttle leader_throttle_;
  replicator::Throttle follower_throttle_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<cluster::Metadata> metadata_;
  std::atomic<cluster::Metadata*> known_metadata_ = nullptr;
  bool joined_before_ = false;  // was_joined(), as far as is known
  std::unique_ptr<IncarnationFile> incarnation_file_;
  std::vector<std::unique_ptr<BrokerShard>> shards_;
  std::vector<std::unique_ptr<Serving>> serving_;
  std::unique_ptr<ProducerIds> producer_ids_;
  UnknownLogs unknown_logs_{*this};
  runtime::Mutex adding_partitions_;
  std::vector<runtime::Endpoint> addresses_;
  // When each shard's loop last turned, in nanoseconds of its clock (design-cluster rule 13).
  std::vector<std::atomic<int64_t>> beats_;
  runtime::Gate leaving_;
  runtime::Condition has_left_;
  bool left_ = false;
  runtime::Condition has_served_;
  bool served_ = false;
  std::atomic<bool> ready_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> connections_{0};
  std::atomic<uint64_t> connection_numbers_{0};
  std::atomic<uint64_t> refusals_second_{0};
  std::atomic<uint64_t> refusals_told_{0};
};

}  // namespace godwit::broker
