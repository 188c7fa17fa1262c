// A cluster of brokers, reached through whichever answers.
//
//   Cluster cluster(runtime.network(), {{"b1", 9092}, {"b2", 9092}}, {});
//   auto answer = co_await cluster.call(Target::controller(), request, [](const auto& r) { return r.topics[0].error_code; });
//
// It finds the broker that a request is for, keeps one connection to each, and tries again, after a pause, where a broker
// cannot be reached or says that it is the wrong one or not ready (is_retriable), until the time for the call is over.
//
// Belongs to one shard; several calls may be under way. The network must outlive it; it must outlive its calls.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kafka/messages/metadata.h"
#include "peer/connection.h"
#include "peer/target.h"
#include "runtime/sync.h"

namespace godwit::peer {

struct ClusterOptions {
  // Its request_timeout is for one attempt: less than `timeout`, so that another broker is tried where one hangs.
  ConnectionOptions connection{.request_timeout = std::chrono::seconds(10)};
  // For a call with all its attempts.
  Duration timeout = std::chrono::seconds(30);
  // The pause before an attempt doubles from the first to the second of these.
  Duration backoff_first = std::chrono::milliseconds(50);
  Duration backoff_max = std::chrono::seconds(1);
};

struct ClusterCallOptions {
  int16_t version_max = codec::kNoVersion;
  // Whether doing it twice is the same as doing it once. Where not, and the connection breaks after the request was sent,
  // the call ends with that error: it may have happened.
  bool repeatable = true;
  // For this call with all its attempts, where it is to be shorter than others.
  Duration timeout = Duration::max();
};

class Cluster {
 public:
  // `bootstrap`: at least one address; any living one is enough.
  Cluster(runtime::Network& network, std::vector<runtime::Endpoint> bootstrap, ClusterOptions options);
  ~Cluster();

  // Asks each address once whether a broker answers there, without trying again: for people, who had rather know at once.
  // Errors: unavailable (the message says why not, for each), and those of Connection::connect where there is one address.
  runtime::Task<Result<void>> reach();

  // Sends `request` to `target` and gives the answer, retriable error codes excluded as long as time is left. `verdict`
  // tells the code that decides: ErrorCode f(const Response&). Errors: unavailable (nobody answers: the message lists whom
  // was asked and why not), not_found (no such broker, topic or partition), and those of Connection::call.
  template <class Request, class Verdict>
  runtime::Task<Result<typename Request::Response>> call(Target target, Request request, Verdict verdict,
                                                         ClusterCallOptions options = {});
  // Where the answer as a whole has no error.
  template <class Request>
  runtime::Task<Result<typename Request::Response>> call(Target target, Request request,
                                                         ClusterCallOptions options = {}) {
    return call(
        std::move(target), std::move(request),
        [](const typename Request::Response&) { return ErrorCode::none; }, options);
  }

  // Brokers, controller and all topics (or those named), fresh from a broker. No topic is created by asking.
  runtime::Task<Result<kafka::MetadataResponse>> metadata();
  runtime::Task<Result<kafka::MetadataResponse>> metadata(std::vector<std::string> topics);

  // Every connection is closed; calls under way end with an error.
  void close();

 private:
  // Attempts of one call.
  struct Attempts {
    MonotonicTime deadline;
    Duration pause;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;

  runtime::Task<Result<ConnectionPtr>> route(Target target, MonotonicTime deadline);
  runtime::Task<Result<ConnectionPtr>> any(MonotonicTime deadline);
  runtime::Task<Result<ConnectionPtr>> to_broker(BrokerId id, MonotonicTime deadline);
  runtime::Task<Result<ConnectionPtr>> to_endpoint(runtime::Endpoint endpoint, MonotonicTime deadline);
  runtime::Task<Result<BrokerId>> leader_of(std::string topic, PartitionIndex partition,
                                            MonotonicTime deadline);
  runtime::Task<Result<BrokerId>> coordinator_of(std::string group, MonotonicTime deadline);
  runtime::Task<Result<kafka::MetadataResponse>> ask_metadata(std::optional<std::vector<std::string>> topics,
                                                              MonotonicTime deadline);
  void learn(const kafka::MetadataResponse& metadata);
  void learn(BrokerId id, std::string host, int32_t port);
  MonotonicTime now() const;
  Attempts begin() const;
  // Waits before the next attempt; false when the time is over.
  runtime::Task<bool> pause(Attempts& attempts);
  // Whether an attempt that ended so may be followed by another.
  static bool may_follow(const Error& error, bool sent, const ClusterCallOptions& options);

  runtime::Network& network_;
  std::vector<runtime::Endpoint> bootstrap_;
  ClusterOptions options_;
  std::map<BrokerId, runtime::Endpoint> brokers_;
  BrokerId controller_ = kNoBroker;
  std::map<std::string, ConnectionPtr> connections_;  // by address
  bool closed_ = false;
};

template <class Request, class Verdict>
runtime::Task<Result<typename Request::Response>> Cluster::call(Target target, Request request,
                                                                Verdict verdict, ClusterCallOptions options) {
  Attempts attempts = begin();
  if (options.timeout < attempts.deadline - now()) attempts.deadline = now() + options.timeout;
  for (;;) {
    auto connection = co_await route(target, attempts.deadline);
    if (!connection) {
      if (!may_follow(connection.error(), false, options) || !co_await pause(attempts)) {
        co_return fail(connection.error());
      }
      continue;
    }
    const Duration left = attempts.deadline - now();
    CallOptions how{.timeout = std::min(left, options_.connection.request_timeout),
                    .version_max = options.version_max};
    auto response = co_await (*connection)->call(request, how);
    if (response && !is_retriable(verdict(*response))) co_return std::move(*response);
    if (!response && !may_follow(response.error(), true, options)) co_return fail(response.error());
    // Somebody else may lead by now; the next attempt asks.
    controller_ = kNoBroker;
    if (!co_await pause(attempts)) co_return std::move(response);
  }
}

}  // namespace godwit::peer
