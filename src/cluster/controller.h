// The controller: the broker that holds the office decides who leads and writes the state of partitions, under its fence
// (design-cluster rules 4, 5, 11, 12). Made by the one who took the office, when it took it; destroyed when it is lost.
//
// All changes go through one writer: what is wished meanwhile is collected, decided on the newest state (decisions.h), written in
// transactions of at most 127 keys with the fence as condition, several in flight, internal topics first; then one new image is
// published and those who wished are answered. A transaction whose outcome is unknown is written again: only this controller writes
// these keys as long as its fence stands.
//
//   auto controller = co_await Controller::open(options, store, runtime, diagnostics);   // reads everything
//   controller->liveness(…)                    // told by Liveness and by the watch of registrations
//   co_await controller->create_topic(…)       // the broker's handlers
//
// Belongs to shard 0.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "cluster/decisions.h"
#include "cluster/metadata.h"
#include "coordination/coordination.h"
#include "kafka/messages/broker_report.h"
#include "kafka/messages/cluster_command.h"
#include "kafka/messages/cluster_poll.h"

namespace godwit::cluster {

// How this broker came to the office, as far as it saw that: for the event.
struct Succession {
  BrokerId from = kNoBroker;  // who held it before; kNoBroker: nobody, or it is not known
  int64_t fence = 0;          // of the office before; 0: there was none
  std::string why = "nobody held the office";
};

struct ControllerOptions {
  BrokerId self;
  std::string cluster_id;
  Succession succession;
  int64_t fence = 0;                        // as it was raised when the office was taken
  coordination::Version fence_version = 0;  // of the fence's key: the condition of every write
  FeatureRange features = kFeatures;        // of this broker's build
  Duration session_timeout = std::chrono::seconds(3);
  // Leadership returns to the preferred broker after it was steady for so long, doubled with each further failure within an hour.
  Duration preferred_after = std::chrono::seconds(10);
  ConfigMap topic_defaults;
  // Whether a broker answers when it is asked directly; null: nobody who is silent is asked, nor loses its leadership.
  std::function<runtime::Task<bool>(BrokerInfo)> reaches;
  // Whether the broker's registration stands, as the store says now; false where it says nothing.
  std::function<bool(const BrokerInfo&)> leased;
  // A broker that joins for the first time is given its share of the replicas.
  bool auto_rebalance = true;
  // How many copies of automatic moves a broker makes at a time, and how many it gives as a leader.
  size_t moves_per_broker = 10;
  // Told of a broker that knows a controller with a higher fence than this one's: its office is over, or the store was put back from
  // a backup, and that broker believes nobody below (docs/decisions/0015). May be empty.
  std::function<void(int64_t)> later_fence;
  // Epochs are raised to the wall clock's seconds at least, so that no later history of the cluster, from an older store, hands one
  // out again (docs/decisions/0015).
  bool epochs_by_clock = false;
  // A drained broker's replica goes elsewhere when the broker that was to get it is dead for so long.
  Duration move_patience = std::chrono::seconds(30);
};

class Controller {
 public:
  // Reads everything, linearizably. Errors: corrupt (a key is named), unavailable, conflict (the office is somebody else's by
  // now).
  static runtime::Task<Result<std::unique_ptr<Controller>>> open(ControllerOptions options,
                                                                 coordination::Coordination& store,
                                                                 runtime::Runtime& runtime,
                                                                 DiagnosticSink& diagnostics);
  virtual ~Controller() = default;

  // The newest state that is durable.
  virtual ImagePtr image() const = 0;
  // Returns once the fence was found to be somebody else's; nothing is written afterwards.
  virtual runtime::Task<void> deposed() = 0;
  // Whether it ended by itself, since fewer than half of the brokers reach it: others had better hold the office for a while.
  virtual bool isolated() const { return false; }

  // A registration in the store appeared, changed or vanished (rules 1, 12). A vanished one is a death only where
  // `confirmed` (refused connection, or lease lost and probe failed): that is Liveness's and the office's to find out.
  virtual void registered(const BrokerInfo& broker) = 0;
  virtual runtime::Task<void> died(BrokerId id, uint64_t incarnation, std::string why) = 0;

  // A broker's long poll: what changed since what it has, or after max_wait_ms nothing.
  virtual runtime::Task<kafka::ClusterPollResponse> poll(kafka::ClusterPollRequest request) = 0;
  // Join, health, leave.
  virtual runtime::Task<kafka::BrokerReportResponse> report(kafka::BrokerReportRequest request) = 0;
  virtual runtime::Task<std::vector<IsrOutcome>> alter_isr(BrokerId asker, uint64_t incarnation,
                                                           std::vector<IsrChange> changes) = 0;
  // As Metadata's verbs of the same names.
  virtual runtime::Task<Changed<std::shared_ptr<const Topic>>> create_topic(NewTopic topic,
                                                                            bool validate_only) = 0;
  virtual runtime::Task<Changed<void>> delete_topic(TopicId id) = 0;
  virtual runtime::Task<Changed<void>> create_partitions(TopicId id, int32_t count,
                                                         std::vector<std::vector<BrokerId>> assignment,
                                                         bool validate_only) = 0;
  virtual runtime::Task<Changed<void>> alter_topic_config(TopicId id, ConfigEdit change,
                                                          bool validate_only) = 0;
  virtual runtime::Task<Changed<void>> alter_broker_config(BrokerId id, ConfigEdit change,
                                                           bool validate_only) = 0;
  virtual runtime::Task<std::vector<Changed<void>>> reassign(std::vector<Reassignment> wishes) = 0;
  virtual runtime::Task<std::vector<Changed<void>>> elect(bool unclean,
                                                          std::vector<TopicPartition> partitions) = 0;
  virtual runtime::Task<kafka::ClusterCommandResponse> command(kafka::ClusterCommandRequest request) = 0;

  // Everything under way is answered with not_controller.
  virtual runtime::Task<void> close() = 0;
};

}  // namespace godwit::cluster
