#include "peer/cluster.h"

#include <algorithm>

#include "kafka/messages/find_coordinator.h"

namespace godwit::peer {

using runtime::Task;

namespace {

constexpr Duration kAttemptMin = std::chrono::milliseconds(1);

// FindCoordinator asks for one group up to this version; that is enough here.
constexpr int16_t kOneCoordinator = 3;

}  // namespace

Cluster::Cluster(runtime::Network& network, std::vector<runtime::Endpoint> bootstrap, ClusterOptions options)
    : network_(network), bootstrap_(std::move(bootstrap)), options_(std::move(options)) {
  GW_CHECK(!bootstrap_.empty(), "a cluster is reached through at least one address");
}

Cluster::~Cluster() {
  close();
}

void Cluster::close() {
  closed_ = true;
  for (auto& [address, connection] : connections_) connection->close();
}

MonotonicTime Cluster::now() const {
  return runtime::Shard::current()->now();
}

Cluster::Attempts Cluster::begin() const {
  return {now() + options_.timeout, options_.backoff_first};
}

Task<bool> Cluster::pause(Attempts& attempts) {
  const MonotonicTime again = now() + attempts.pause;
  if (closed_ || again + kAttemptMin > attempts.deadline) co_return false;
  attempts.pause = std::min(attempts.pause * 2, options_.backoff_max);
  co_await runtime::sleep_until(again);
  co_return !closed_;
}

bool Cluster::may_follow(const Error& error, bool sent, const ClusterCallOptions& options) {
  switch (error.kind) {
    case ErrorKind::unavailable:
    case ErrorKind::refused:
      return true;
    case ErrorKind::timed_out:
    case ErrorKind::closed:
    case ErrorKind::io:
      return !sent || options.repeatable;
    case ErrorKind::limit:  // of calls under way: nothing was sent
      return true;
    default:
      return false;
  }
}

Task<Result<Cluster::ConnectionPtr>> Cluster::to_endpoint(runtime::Endpoint endpoint,
                                                          MonotonicTime deadline) {
  const std::string address = to_string(endpoint);
  if (const auto found = connections_.find(address); found != connections_.end()) {
    if (found->second->open()) co_return found->second;
    connections_.erase(found);
  }
  ConnectionOptions options = options_.connection;
  options.connect_timeout = std::min(options.connect_timeout, std::max(deadline - now(), kAttemptMin));
  auto made = co_await Connection::connect(network_, std::move(endpoint), std::move(options));
  if (!made) co_return fail(made.error());
  if (closed_) co_return fail(ErrorKind::closed, "the connections to the cluster were closed");
  // Another call may have connected meanwhile: one connection is enough.
  auto& kept = connections_[address];
  if (!kept || !kept->open()) kept = std::move(*made);
  co_return kept;
}

Task<Result<Cluster::ConnectionPtr>> Cluster::any(MonotonicTime deadline) {
  for (const auto& [address, connection] : connections_) {
    if (connection->open()) co_return connection;
  }
  // Brokers that were learned may live on when all that were configured are gone.
  std::vector<runtime::Endpoint> candidates = bootstrap_;
  for (const auto& [id, endpoint] : brokers_) {
    if (std::ranges::find(candidates, endpoint) == candidates.end()) candidates.push_back(endpoint);
  }
  std::string asked;
  for (const auto& endpoint : candidates) {
    auto connection = co_await to_endpoint(endpoint, deadline);
    if (connection) co_return std::move(*connection);
    // A person's mistake in an address or a port that speaks something else is not mended by waiting, but another
    // broker of the list may be right.
    asked += (asked.empty() ? "" : "; ") + to_string(endpoint) + ": " + connection.error().message;
    if (candidates.size() == 1 && connection.error().kind != ErrorKind::refused &&
        connection.error().kind != ErrorKind::timed_out) {
      co_return fail(connection.error());
    }
  }
  co_return fail(ErrorKind::unavailable, "no broker answers (" + asked + ")");
}

Task<Result<void>> Cluster::reach() {
  const auto connection = co_await any(now() + options_.timeout);
  if (!connection) co_return fail(connection.error());
  co_return Result<void>{};
}

Task<Result<Cluster::ConnectionPtr>> Cluster::to_broker(BrokerId id, MonotonicTime deadline) {
  if (!brokers_.contains(id)) {
    const auto fresh = co_await ask_metadata(std::vector<std::string>{}, deadline);
    if (!fresh) co_return fail(fresh.error());
  }
  const auto found = brokers_.find(id);
  if (found == brokers_.end()) {
    co_return fail(ErrorKind::not_found, "there is no broker " + to_string(id) + " in the cluster");
  }
  auto connection = co_await to_endpoint(found->second, deadline);
  // It may have moved; whoever answers next tells.
  if (!connection) brokers_.erase(id);
  co_return connection;
}

Task<Result<Cluster::ConnectionPtr>> Cluster::route(Target target, MonotonicTime deadline) {
  if (closed_) co_return fail(ErrorKind::closed, "the connections to the cluster were closed");
  if (target.kind == Target::Kind::any) co_return co_await any(deadline);
  BrokerId id = target.id;
  if (target.kind == Target::Kind::controller) {
    if (controller_ == kNoBroker) {
      const auto fresh = co_await ask_metadata(std::vector<std::string>{}, deadline);
      if (!fresh) co_return fail(fresh.error());
    }
    id = controller_;
    if (id == kNoBroker)
      co_return fail(ErrorKind::unavailable, "the cluster has no controller at the moment");
  }
  if (target.kind == Target::Kind::leader || target.kind == Target::Kind::coordinator) {
    auto found = target.kind == Target::Kind::leader
                     ? co_await leader_of(target.name, target.partition, deadline)
                     : co_await coordinator_of(target.name, deadline);
    if (!found) co_return fail(found.error());
    id = *found;
  }
  auto connection = co_await to_broker(id, deadline);
  if (!connection && connection.error().kind == ErrorKind::not_found && target.kind != Target::Kind::broker) {
    // It was taken for dead, and who follows it is not known yet.
    if (target.kind == Target::Kind::controller) controller_ = kNoBroker;
    co_return fail(ErrorKind::unavailable,
                   connection.error().message + ", and nobody has taken its place yet");
  }
  co_return connection;
}

Task<Result<BrokerId>> Cluster::leader_of(std::string topic, PartitionIndex partition,
                                          MonotonicTime deadline) {
  const auto fresh = co_await ask_metadata(std::vector<std::string>{topic}, deadline);
  if (!fresh) co_return fail(fresh.error());
  const std::string name = topic + "-" + to_string(partition);
  for (const auto& found : fresh->topics) {
    if (found.name != topic) continue;
    if (is_retriable(found.error_code) && found.error_code != ErrorCode::unknown_topic_or_partition) {
      co_return fail(ErrorKind::unavailable, topic + ": " + std::string(to_string(found.error_code)));
    }
    for (const auto& p : found.partitions) {
      if (p.partition_index != partition) continue;
      if (p.leader_id != kNoBroker) co_return p.leader_id;
      co_return fail(ErrorKind::unavailable, name + " has no leader at the moment");
    }
  }
  co_return fail(ErrorKind::not_found, "there is no partition " + name);
}

Task<Result<BrokerId>> Cluster::coordinator_of(std::string group, MonotonicTime deadline) {
  auto connection = co_await any(deadline);
  if (!connection) co_return fail(connection.error());
  kafka::FindCoordinatorRequest request;
  request.key = group;
  const auto answer =
      co_await (*connection)
          ->call(request,
                 {.timeout = std::clamp(deadline - now(), kAttemptMin, options_.connection.request_timeout),
                  .version_max = kOneCoordinator});
  if (!answer) co_return fail(answer.error());
  if (answer->error_code != ErrorCode::none) {
    co_return fail(is_retriable(answer->error_code) ? ErrorKind::unavailable : ErrorKind::refused,
                   "no coordinator for group " + group + ": " + std::string(to_string(answer->error_code)));
  }
  learn(answer->node_id, answer->host, answer->port);
  co_return answer->node_id;
}

Task<Result<kafka::MetadataResponse>> Cluster::ask_metadata(std::optional<std::vector<std::string>> topics,
                                                            MonotonicTime deadline) {
  auto connection = co_await any(deadline);
  if (!connection) co_return fail(connection.error());
  kafka::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  request.topics.reset();
  if (topics) {
    request.topics.emplace();
    for (auto& name : *topics) request.topics->push_back({.topic_id = {}, .name = std::move(name)});
  }
  auto answer =
      co_await (*connection)
          ->call(request,
                 {.timeout = std::clamp(deadline - now(), kAttemptMin, options_.connection.request_timeout)});
  if (!answer) co_return fail(answer.error());
  if (answer->error_code != ErrorCode::none) {
    co_return fail(ErrorKind::unavailable, "metadata: " + std::string(to_string(answer->error_code)));
  }
  learn(*answer);
  co_return std::move(*answer);
}

void Cluster::learn(const kafka::MetadataResponse& metadata) {
  brokers_.clear();
  for (const auto& broker : metadata.brokers) learn(broker.node_id, broker.host, broker.port);
  controller_ = metadata.controller_id;
}

void Cluster::learn(BrokerId id, std::string host, int32_t port) {
  // What no port can be is left out: such a broker is then unknown.
  if (port <= 0 || port > 65535) return;
  brokers_[id] = {std::move(host), static_cast<uint16_t>(port)};
}

Task<Result<kafka::MetadataResponse>> Cluster::metadata() {
  Attempts attempts = begin();
  for (;;) {
    auto answer = co_await ask_metadata(std::nullopt, attempts.deadline);
    if (answer || !may_follow(answer.error(), true, {}) || !co_await pause(attempts)) co_return answer;
  }
}

Task<Result<kafka::MetadataResponse>> Cluster::metadata(std::vector<std::string> topics) {
  Attempts attempts = begin();
  for (;;) {
    auto answer = co_await ask_metadata(topics, attempts.deadline);
    if (answer || !may_follow(answer.error(), true, {}) || !co_await pause(attempts)) co_return answer;
  }
}

}  // namespace godwit::peer
