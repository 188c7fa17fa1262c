// The cluster as this broker sees it, and its part in it: its registration and lease, the image that the controller sends it,
// the office of controller where it holds it.
//
// What stands where in the store (docs/formats/coordination.md):
//   /cluster                          cluster id
//   /brokers/<id>                     registration, with the broker's lease: incarnation, storage id, addresses
//   /joined/<id>                      the incarnation that joined last, and what is ordered for the broker (draining); lasts
//   /controller                       who holds the office, with its lease
//   /fence                            raised whenever the office is taken (design-cluster rule 5); lasts
//   /topics/<topic id>                name, config, partition count
//   /names/<topic name>               topic id; claimed in the transaction that creates the topic
//   /partitions/<topic id>/<index>    partition state
//   /tombstones/<topic id>            a deleted topic: its logs may be deleted (rule 3)
//   /configs/brokers/<id or "default">
//   /features                         the feature level at which the cluster works (rule 23)
//   /producer-ids                     the first id that was never given out
//   /incarnations/<broker id>         a counter, raised at every start
//   /events/<number>                  what controllers decided, the newest thousand
//
// Belongs to shard 0; image(), suspected() and store_reachable() may be asked on any shard.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "cluster/image.h"
#include "coordination/coordination.h"
#include "kafka/messages/broker_probe.h"
#include "kafka/messages/broker_report.h"
#include "kafka/messages/cluster_command.h"
#include "kafka/messages/cluster_poll.h"
#include "kafka/messages/forward.h"
#include "model/error_code.h"
#include "model/offset.h"
#include "runtime/runtime.h"

namespace godwit::cluster {

// Why a change was refused, as a client is told.
struct Refusal {
  ErrorCode code = ErrorCode::unknown_server_error;
  std::string message;
};
template <class T>
using Changed = tl::expected<T, Refusal>;

// A log that followed a leader of which the image knows nothing (contradicts(), image.h).
struct LaterLog {
  TopicPartition id;
  LeaderEpoch epoch;  // its latest
  Offset end;
};

struct MetadataOptions {
  BrokerInfo self;         // its incarnation is taken at start
  Uuid storage_id;         // of the data directory
  std::string cluster_id;  // empty: the store's, or a new random one in a new store
  // Whether the data directory belonged to a cluster before: then a store that has forgotten it is refused (rule 3).
  bool was_member = false;
  // The listener whose addresses brokers use among themselves.
  std::string listener = "PLAINTEXT";
  Duration session_timeout = std::chrono::seconds(3);
  Duration preferred_after = std::chrono::seconds(10);
  ConfigMap topic_defaults;
  // Partitions of which the disk cannot prove that it has all that was reported as synced (rule 2), of those that the store
  // says this broker is in sync with. Asked when the broker joins.
  std::function<runtime::Task<std::vector<TopicPartition>>(ImagePtr)> unproven;
  // Whether the data directory was part of the cluster before, so that the logs in it count (rule 2); asked when the broker
  // joins, again and again. Without it they do.
  std::function<bool()> has_logs;
  // Logs that know more than the store from which this image comes. Asked when the broker joins, and once for each new controller.
  std::function<runtime::Task<std::vector<LaterLog>>(ImagePtr)> later_logs;
  // The highest incarnation that this data directory ever had, and where to note the next one, durably, before it is used: a store
  // that came back from a backup counts from an older number (rule 1).
  uint64_t incarnation_before = 0;
  std::function<runtime::Task<Result<void>>(uint64_t)> note_incarnation;
  // ControllerOptions of the same name.
  bool epochs_by_clock = false;
  // Whether every shard and the disk made progress lately: without, no keep-alive goes out (rule 13).
  std::function<bool()> healthy;
};

// Three replicas, or as many as there are brokers which have joined and are not given up, dead ones too.
constexpr int16_t kUsualReplicas = -1;

struct NewTopic {
  std::string name;
  int32_t partitions = 1;
  int16_t replication_factor = 1;  // or kUsualReplicas
  // One list of brokers for each partition; empty: placed automatically.
  std::vector<std::vector<BrokerId>> assignment;
  ConfigMap config;
};

// What a leader asks for (AlterPartition), and what became of it.
struct IsrChange {
  TopicPartition id;
  LeaderEpoch epoch;
  int64_t version = 0;
  std::map<BrokerId, uint64_t> isr;  // with incarnations
};
struct IsrOutcome {
  TopicPartition id;
  // none; fenced_leader_epoch, invalid_update_version (the image tells soon); ineligible_replica; invalid_request;
  // unknown_topic_or_partition; request_timed_out and not_controller: what became of it is unknown.
  ErrorCode code = ErrorCode::none;
  int64_t version = 0;  // with none: the state's version by now
};

struct Reassignment {
  TopicPartition id;
  std::optional<std::vector<BrokerId>> replicas;  // empty: cancel what is under way
};

using ConfigEdit = std::function<Changed<ConfigMap>(const ConfigMap&)>;

class Metadata {
 public:
  // Claims or checks the cluster id, takes an incarnation, registers the broker, and joins once a controller (perhaps this
  // broker itself) has answered. Waits, and says so, while the store has no quorum or no controller answers. The broker's
  // internal requests must be served meanwhile: by `serve_…` below of what `early` was given. Errors: corrupt (a key that does not
  // decode is named), conflict (another cluster id, a store that has forgotten this cluster, a broker id that somebody else
  // has; the message says what to do), unsupported (the cluster works at a feature level that this build does not take).
  static runtime::Task<Result<std::unique_ptr<Metadata>>> start(
      MetadataOptions options, coordination::Coordination& store, runtime::Runtime& runtime,
      DiagnosticSink& diagnostics, std::function<void(Metadata&)> early = nullptr);
  virtual ~Metadata() = default;

  // The newest image. Any shard.
  virtual ImagePtr image() const = 0;
  // Called on shard 0 with each new image, in their order; a later one is not waited for until an earlier one's call has returned,
  // so several calls may be under way. An image counts as served by this broker (and its poll acknowledges it) once its call
  // and those of all images before it have returned. close() waits for them.
  virtual void on_change(std::function<runtime::Task<void>(ImagePtr before, ImagePtr after)> callback) = 0;
  uint64_t incarnation() const { return incarnation_; }
  BrokerId self() const { return self_; }
  // Whether this broker holds the office. Any shard.
  virtual bool controls() const = 0;
  // Rule 16: whether that broker's connection broke and it is not back, or the newest image does not have it. Any shard.
  virtual bool suspected(BrokerId id) const = 0;
  // Called on shard 0 when suspicion of somebody begins.
  virtual void on_suspicion(std::function<void(BrokerId)> callback) = 0;
  // Whether this broker counts as part of the cluster: its lease is believed to hold, and a controller has answered it within two
  // session timeouts (rule 14, docs/decisions/0012). Any shard.
  virtual bool lease_holds() const = 0;

  // The verbs below change the cluster. They are served where the office is held; elsewhere they are refused with
  // not_controller, and the caller forwards the request.

  // Creates a topic; `validate_only` checks all and writes nothing (a topic id is given all the same). The name, config
  // values and counts were checked by the caller as far as they need no image. Answered once live brokers have the new image,
  // or soon. Refusals: topic_already_exists, invalid_topic_exception (collides with another name), invalid_partitions,
  // invalid_replication_factor, invalid_replica_assignment, policy_violation (too many partitions), invalid_config
  // (min.insync.replicas above the replication factor).
  virtual runtime::Task<Changed<std::shared_ptr<const Topic>>> create_topic(NewTopic topic,
                                                                            bool validate_only) = 0;
  // Refusal unknown_topic_id.
  virtual runtime::Task<Changed<void>> delete_topic(TopicId id) = 0;
  // `count` is the new total. Refusals: unknown_topic_or_partition, invalid_partitions (not more than there are),
  // invalid_replica_assignment.
  virtual runtime::Task<Changed<void>> create_partitions(TopicId id, int32_t count,
                                                         std::vector<std::vector<BrokerId>> assignment,
                                                         bool validate_only) = 0;
  // Replaces the topic's settings with what `change` makes of the present ones, in one transaction (tried again on
  // conflict). `change` may refuse. Refusal unknown_topic_or_partition.
  virtual runtime::Task<Changed<void>> alter_topic_config(TopicId id, ConfigEdit change,
                                                          bool validate_only) = 0;
  // The same for a broker's dynamic settings; kNoBroker: those of all brokers.
  virtual runtime::Task<Changed<void>> alter_broker_config(BrokerId id, ConfigEdit change,
                                                           bool validate_only) = 0;
  // Begins, replaces or cancels moves of replicas; an answer for each. Refusals: unknown_topic_or_partition,
  // invalid_replica_assignment, no_reassignment_in_progress.
  virtual runtime::Task<std::vector<Changed<void>>> reassign(std::vector<Reassignment> wishes) = 0;
  // Refusals: election_not_needed, preferred_leader_not_available, eligible_leaders_not_available,
  // unknown_topic_or_partition.
  virtual runtime::Task<std::vector<Changed<void>>> elect(bool unclean,
                                                          std::vector<TopicPartition> partitions) = 0;

  // From anywhere: asks the controller, wherever it is.
  virtual runtime::Task<std::vector<IsrOutcome>> alter_isr(std::vector<IsrChange> changes) = 0;
  // Hands a client's request to the controller, and gives the body of its response. Errors: unavailable (no controller answers
  // in time; nothing was done), timed_out (it was handed over, and the connection broke: it may have been done).
  virtual runtime::Task<Result<Bytes>> forward(kafka::ForwardRequest request, Duration timeout) = 0;
  // Tells the controller that this broker can (not) append any more (rule 13).
  virtual void report_health(bool can_append) = 0;

  // What other brokers ask this one. not_controller where this one does not hold the office.
  virtual runtime::Task<kafka::ClusterPollResponse> serve_poll(kafka::ClusterPollRequest request) = 0;
  virtual runtime::Task<kafka::BrokerReportResponse> serve_report(kafka::BrokerReportRequest request) = 0;
  virtual runtime::Task<std::vector<IsrOutcome>> serve_alter_isr(BrokerId asker, uint64_t incarnation,
                                                                 std::vector<IsrChange> changes) = 0;
  virtual kafka::BrokerProbeResponse serve_probe(const kafka::BrokerProbeRequest& request) const = 0;
  virtual runtime::Task<kafka::ClusterCommandResponse> serve_command(
      kafka::ClusterCommandRequest request) = 0;

  // Ids first … first + count - 1 that were never given out; the counter stays above `at_least`.
  virtual runtime::Task<Changed<int64_t>> reserve_producer_ids(int64_t count, int64_t at_least) = 0;

  // Topics that were deleted and whose logs this broker may therefore delete. The controller forgets a tombstone when every
  // broker that had a replica has served an image without the topic; so it is asked before the callback of that image returns.
  // After a refusal the controller keeps them until a later call succeeds: who was refused asks again. One call at a time.
  virtual runtime::Task<Changed<std::vector<TopicId>>> tombstones() = 0;

  // Controlled shutdown: hands leadership over (bounded by `patience`), gives up office and registration.
  virtual runtime::Task<void> leave(Duration patience) = 0;
  virtual runtime::Task<void> close() = 0;

 protected:
  BrokerId self_ = kNoBroker;
  uint64_t incarnation_ = 0;
};

}  // namespace godwit::cluster
