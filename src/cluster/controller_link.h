// Calls to the controller, wherever it is: in this process, or at the address that stands in the store with the office.
//
// What kinds of calls must not wait for one another have a connection each, for a broker answers a connection's requests in their
// order: long polls, short reports, and clients' requests, which may take long.
//
// Belongs to shard 0.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "cluster/controller.h"
#include "cluster/stored_broker.h"
#include "kafka/messages/alter_partition.h"
#include "kafka/messages/forward.h"
#include "peer/connection.h"
#include "runtime/sync.h"

namespace godwit::cluster {

class ControllerLink {
 public:
  ControllerLink(BrokerId self, runtime::Runtime& runtime) : self_(self), runtime_(runtime) {}

  // The controller in this process; null: it is none (any more). Shared, so that calls under way survive.
  void here(std::shared_ptr<Controller> controller);
  // Who holds the office by the store. Connections to another one are closed, calls on them end.
  void at(const std::optional<Holder>& holder);
  // kNoBroker: unknown.
  BrokerId whom() const;
  // Changes whenever here() or at() made a difference.
  uint64_t generation() const { return generation_; }

  // Errors: unavailable (nobody is known to hold the office, or it cannot be reached; nothing was sent); timed_out, closed
  // and others (what became of it is unknown).
  runtime::Task<Result<kafka::ClusterPollResponse>> poll(kafka::ClusterPollRequest request);
  runtime::Task<Result<kafka::BrokerReportResponse>> report(kafka::BrokerReportRequest request);
  // Always over a connection, also to this process: whoever serves Forward answers.
  runtime::Task<Result<kafka::ForwardResponse>> forward(kafka::ForwardRequest request, Duration timeout);
  runtime::Task<std::vector<IsrOutcome>> alter_isr(uint64_t incarnation, std::vector<IsrChange> changes);

  // The feature level of the cluster: the requests of brokers among themselves are sent as it says.
  void at_level(int16_t level) { level_ = level; }

  // Calls under way end, and so does every later one.
  void close();

 private:
  enum Lane { kPolls, kReports, kForwards, kLanes };
  using ConnectionPtr = std::shared_ptr<peer::Connection>;

  runtime::Task<Result<ConnectionPtr>> connection(Lane lane, Duration timeout);
  void forget_connections();
  template <class Request>
  runtime::Task<Result<typename Request::Response>> call(Lane lane, Request request, Duration timeout);

  BrokerId self_;
  runtime::Runtime& runtime_;
  std::shared_ptr<Controller> here_;
  std::optional<Holder> holder_;
  int16_t level_ = kFirstLevel;
  uint64_t generation_ = 0;
  bool closed_ = false;
  std::array<ConnectionPtr, kLanes> connections_;
  std::array<runtime::Mutex, kLanes> connecting_;
};

}  // namespace godwit::cluster
