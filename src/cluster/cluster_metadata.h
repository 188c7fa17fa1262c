// Metadata as a member of a cluster (also a cluster of one): joins the parts, each of which decides for itself from what is
// true now, woken by one bell.
//
//   Registration   the lease and the key /brokers/<id>           Roster     what the store says of brokers and the office
//   Office         the controller, where this broker holds it    Liveness   connections to the other brokers
//   ControllerLink calls to the controller                       PollClient the image
//   Joining        reports to the controller
#pragma once

#include "cluster/joining.h"
#include "cluster/office.h"

namespace godwit::cluster {

class ClusterMetadata final : public Metadata {
 public:
  ClusterMetadata(MetadataOptions options, coordination::Coordination& store, runtime::Runtime& runtime,
                  DiagnosticSink& diagnostics, Office::Open open);
  // Requires close(), unless the shard's tasks are gone.
  ~ClusterMetadata() override;

  // As Metadata::start; closed when it fails.
  runtime::Task<Result<void>> begin(std::function<void(Metadata&)> early);

  ImagePtr image() const override { return poll_.image(); }
  void on_change(std::function<runtime::Task<void>(ImagePtr, ImagePtr)> callback) override;
  bool controls() const override { return office_.holds(); }
  bool suspected(BrokerId id) const override;
  void on_suspicion(std::function<void(BrokerId)> callback) override { on_suspicion_ = std::move(callback); }
  bool lease_holds() const override;

  runtime::Task<Changed<std::shared_ptr<const Topic>>> create_topic(NewTopic topic,
                                                                    bool validate_only) override;
  runtime::Task<Changed<void>> delete_topic(TopicId id) override;
  runtime::Task<Changed<void>> create_partitions(TopicId id, int32_t count,
                                                 std::vector<std::vector<BrokerId>> assignment,
                                                 bool validate_only) override;
  runtime::Task<Changed<void>> alter_topic_config(TopicId id, ConfigEdit change, bool validate_only) override;
  runtime::Task<Changed<void>> alter_broker_config(BrokerId id, ConfigEdit change,
                                                   bool validate_only) override;
  runtime::Task<std::vector<Changed<void>>> reassign(std::vector<Reassignment> wishes) override;
  runtime::Task<std::vector<Changed<void>>> elect(bool unclean,
                                                  std::vector<TopicPartition> partitions) override;

  runtime::Task<std::vector<IsrOutcome>> alter_isr(std::vector<IsrChange> changes) override;
  runtime::Task<Result<Bytes>> forward(kafka::ForwardRequest request, Duration timeout) override;
  void report_health(bool can_append) override { joining_.set_can_append(can_append); }

  runtime::Task<kafka::ClusterPollResponse> serve_poll(kafka::ClusterPollRequest request) override;
  runtime::Task<kafka::BrokerReportResponse> serve_report(kafka::BrokerReportRequest request) override;
  runtime::Task<std::vector<IsrOutcome>> serve_alter_isr(BrokerId asker, uint64_t incarnation,
                                                         std::vector<IsrChange> changes) override;
  kafka::BrokerProbeResponse serve_probe(const kafka::BrokerProbeRequest& request) const override;
  runtime::Task<kafka::ClusterCommandResponse> serve_command(kafka::ClusterCommandRequest request) override;

  runtime::Task<Changed<int64_t>> reserve_producer_ids(int64_t count, int64_t at_least) override;
  runtime::Task<Changed<std::vector<TopicId>>> tombstones() override;

  runtime::Task<void> leave(Duration patience) override;
  runtime::Task<void> close() override;

 private:
  runtime::Task<void> follow();
  runtime::Task<void> seek_controller();
  runtime::Task<void> ask_others();
  // After a change that was made here: until this broker serves it.
  runtime::Task<void> caught_up(const Controller& controller);

  const MetadataOptions options_;
  coordination::Coordination& store_;
  runtime::Runtime& runtime_;
  Bell bell_;
  Roster roster_;
  Registration registration_;
  ControllerLink link_;
  PollClient poll_;
  Joining joining_;
  Liveness liveness_;
  Office office_;
  std::function<void(BrokerId)> on_suspicion_;
  runtime::Gate gate_;
  bool begun_ = false;
};

}  // namespace godwit::cluster
