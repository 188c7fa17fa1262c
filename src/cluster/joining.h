// This broker's reports to the controller: that it joins, and what its disk cannot prove (design-cluster rule 2); whether it can
// append (rule 13); that it is about to stop.
//
// Belongs to shard 0.
#pragma once

#include "cluster/poll_client.h"

namespace godwit::cluster {

class Joining {
 public:
  Joining(const MetadataOptions& options, Registration& registration, PollClient& poll, ControllerLink& link,
          Bell& bell, DiagnosticSink& diagnostics);

  // Joins, and joins again under each new incarnation, until the bell is closed.
  runtime::Task<void> run();
  // Whether the controller has answered that this incarnation is in, and the image shows it.
  bool joined() const;
  // Why the controller will never let this build in; empty: it does not say so.
  const std::optional<Error>& refusal() const { return refusal_; }
  void set_can_append(bool can_append);
  // Asks the controller to take the leadership away, again and again while somebody else could lead; at most for
  // `patience`. Nothing is reported afterwards.
  runtime::Task<void> leave(Duration patience);

 private:
  runtime::Task<void> join(uint64_t incarnation);
  runtime::Task<void> report_health(uint64_t incarnation);
  kafka::BrokerReportRequest request(uint64_t incarnation, int8_t kind) const;
  runtime::Task<void> add_later_logs(kafka::BrokerReportRequest& request, ImagePtr image);
  bool shown() const;
  runtime::Task<void> pause();

  const MetadataOptions options_;
  Registration& registration_;
  PollClient& poll_;
  ControllerLink& link_;
  Bell& bell_;
  DiagnosticSink& diagnostics_;

  uint64_t joined_ = 0;  // the incarnation of which the controller said so
  bool seen_ = false;    // in an image, since then
  bool can_append_ = true;
  // What the controller of which fence knows.
  bool told_append_ = true;
  int64_t told_fence_ = -1;
  // Up to the controller of that fence all were told which logs know more than the store.
  int64_t compared_fence_ = -1;
  bool leaving_ = false;
  std::optional<Error> refusal_;
  Duration pause_{};
};

}  // namespace godwit::cluster
