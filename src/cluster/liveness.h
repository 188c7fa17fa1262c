// Who is there: one idle connection to each registered broker, by which its death is noticed at once (design-cluster rule 11)
// and Metadata learns whom not to name (rule 16).
//
// A connection that breaks is made anew at once: *refused* means that the process is gone; anything else (a timeout, an
// unreachable host) proves nothing, and it is tried again, first every 50 ms, then every second.
//
// Belongs to shard 0; suspected() may be asked on any shard.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>

#include "base/diagnostic.h"
#include "cluster/image.h"
#include "kafka/messages/broker_probe.h"
#include "peer/connection.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"

namespace godwit::cluster {

struct LivenessOptions {
  BrokerId self;
  std::string cluster_id;
  std::string listener;  // whose addresses brokers use among themselves
  Duration probe_timeout = std::chrono::milliseconds(500);
};

class Liveness {
 public:
  enum class State {
    unknown,    // not yet reached
    connected,  // and the incarnation is the one that was registered
    broken,     // the connection broke, and nothing is proven
    refused,    // the broker's address refuses connections, or another incarnation answers there
  };
  // `why`: what was seen, for people ("its connection broke, and a new one is refused").
  using Callback =
      std::function<void(BrokerId id, uint64_t incarnation, State state, const std::string& why)>;

  Liveness(LivenessOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics,
           Callback on_change);
  ~Liveness();

  // The cluster's id, where it was not known at first. Before the first watch().
  void belong_to(std::string cluster_id);
  // Whom to watch from now on: registered brokers, with their incarnations. Others are let go.
  void watch(const std::map<BrokerId, BrokerInfo>& brokers);
  State state(BrokerId id) const;
  // Whether the broker's connection broke and it has not been back since (broken or refused), or a newer incarnation of it is
  // watched: this one has ended. Any shard.
  bool suspected(BrokerId id, uint64_t incarnation) const;
  // Asks the broker now; over a connection of its own where there is none. Errors: refused (also: another incarnation answers),
  // timed_out and others: nothing is proven.
  runtime::Task<Result<kafka::BrokerProbeResponse>> probe(BrokerInfo broker);

  runtime::Task<void> close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace godwit::cluster
