// The cluster's metadata as this broker sees it, and how it is changed. With one broker, changes are made here, by
// transactions on the coordination store; each is durable before it is answered and before it shows in an image.
//
// What stands where in the store (docs/formats/coordination.md):
//   /cluster                          cluster id
//   /topics/<topic id>                name, config, partition count
//   /names/<topic name>               topic id; claimed in the transaction that creates the topic
//   /partitions/<topic id>/<index>    partition state
//   /tombstones/<topic id>            a deleted topic: its logs may be deleted (design-cluster rule 3)
//   /configs/brokers/<id or "default">
//   /producer-ids                     the first id that was never given out
//   /incarnations/<broker id>         a counter, raised at every start
//
// Belongs to shard 0; image() may be asked on any shard.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "cluster/image.h"
#include "coordination/coordination.h"
#include "model/error_code.h"
#include "runtime/runtime.h"

namespace godwit::cluster {

// Why a change was refused, as a client is told.
struct Refusal {
  ErrorCode code = ErrorCode::unknown_server_error;
  std::string message;
};
template <class T>
using Changed = tl::expected<T, Refusal>;

struct MetadataOptions {
  BrokerInfo self;         // its incarnation is taken at start
  std::string cluster_id;  // empty: the store's, or a new random one in a new store
};

struct NewTopic {
  std::string name;
  int32_t partitions = 1;
  int16_t replication_factor = 1;
  // One list of brokers for each partition; empty: placed automatically.
  std::vector<std::vector<BrokerId>> assignment;
  ConfigMap config;
};

class Metadata {
 public:
  // Loads everything, takes an incarnation, registers the broker. Errors: corrupt (a key that does not decode is named),
  // conflict (another cluster id), unavailable.
  static runtime::Task<Result<std::unique_ptr<Metadata>>> start(MetadataOptions options,
                                                                coordination::Coordination& store,
                                                                runtime::Runtime& runtime,
                                                                DiagnosticSink& diagnostics);
  virtual ~Metadata() = default;

  // The newest image. Any shard.
  virtual ImagePtr image() const = 0;
  // Called on shard 0 with each new image before the change that made it is answered; what it awaits delays the answer.
  virtual void on_change(std::function<runtime::Task<void>(ImagePtr before, ImagePtr after)> callback) = 0;

  // Creates a topic; `validate_only` checks all and writes nothing (a topic id is given all the same). The name, config
  // values and counts were checked by the caller as far as they need no image. Refusals: topic_already_exists,
  // invalid_topic_exception (collides with another name), invalid_partitions, invalid_replication_factor,
  // invalid_replica_assignment, policy_violation (too many partitions).
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
  virtual runtime::Task<Changed<void>> alter_topic_config(
      TopicId id, std::function<Changed<ConfigMap>(const ConfigMap&)> change, bool validate_only) = 0;
  // The same for a broker's dynamic settings; kNoBroker: those of all brokers.
  virtual runtime::Task<Changed<void>> alter_broker_config(
      BrokerId id, std::function<Changed<ConfigMap>(const ConfigMap&)> change, bool validate_only) = 0;

  // Ids first … first + count - 1 that were never given out; the counter stays above `at_least`.
  virtual runtime::Task<Changed<int64_t>> reserve_producer_ids(int64_t count, int64_t at_least) = 0;

  // Topics that were deleted and whose logs this broker may therefore delete. `forget_tombstone` once they are gone
  // everywhere.
  virtual runtime::Task<Changed<std::vector<TopicId>>> tombstones() = 0;
  virtual runtime::Task<Changed<void>> forget_tombstone(TopicId id) = 0;

  virtual runtime::Task<void> close() = 0;
};

}  // namespace godwit::cluster
