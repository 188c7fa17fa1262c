#include "cluster/controller_link.h"

namespace godwit::cluster {

using runtime::Task;
using namespace std::chrono_literals;

namespace {

constexpr Duration kConnectTimeout = 500ms;
constexpr Duration kReportTimeout = 5s;
constexpr Duration kIsrTimeout = 3s;

std::vector<IsrOutcome> all_with(const std::vector<IsrChange>& changes, ErrorCode code) {
  std::vector<IsrOutcome> outcomes;
  for (const auto& change : changes) outcomes.push_back({change.id, code, change.version});
  return outcomes;
}

}  // namespace

void ControllerLink::here(std::shared_ptr<Controller> controller) {
  if (closed_ || controller == here_) return;
  here_ = std::move(controller);
  ++generation_;
}

void ControllerLink::at(const std::optional<Holder>& holder) {
  if (closed_ || holder == holder_) return;
  const bool same = holder && holder_ && holder->id == holder_->id && holder->fence == holder_->fence;
  holder_ = holder;
  if (same) return;
  ++generation_;
  forget_connections();
}

void ControllerLink::forget_connections() {
  for (auto& connection : connections_) {
    if (connection) connection->close();
    connection.reset();
  }
}

BrokerId ControllerLink::whom() const {
  if (here_) return self_;
  return holder_ ? holder_->id : kNoBroker;
}

void ControllerLink::close() {
  closed_ = true;
  ++generation_;
  here_.reset();
  holder_.reset();
  forget_connections();
}

Task<Result<ControllerLink::ConnectionPtr>> ControllerLink::connection(Lane lane, Duration timeout) {
  const auto lock = co_await connecting_[lane].lock();
  if (connections_[lane] && connections_[lane]->open()) co_return connections_[lane];
  if (!holder_) co_return fail(ErrorKind::unavailable, "nobody is known to hold the office of controller");
  const uint64_t generation = generation_;
  const Holder holder = *holder_;
  peer::ConnectionOptions how;
  how.client_id = "broker-" + to_string(self_);
  how.connect_timeout = std::min(timeout, kConnectTimeout);
  auto made = co_await peer::Connection::connect(runtime_.network(), holder.address, how);
  if (generation != generation_) co_return fail(ErrorKind::unavailable, "the controller has changed");
  if (!made) {
    co_return fail(ErrorKind::unavailable, "the controller, broker " + to_string(holder.id) +
                                               ", cannot be reached: " + made.error().message);
  }
  connections_[lane] = std::move(*made);
  co_return connections_[lane];
}

template <class Request>
Task<Result<typename Request::Response>> ControllerLink::call(Lane lane, Request request, Duration timeout) {
  const MonotonicTime deadline = runtime::Shard::current()->now() + timeout;
  const auto to = co_await connection(lane, timeout);
  if (!to) co_return fail(to.error());
  peer::CallOptions how;
  how.timeout = std::max(deadline - runtime::Shard::current()->now(), Duration(1ms));
  // Kafka's own requests are agreed on by connection alone.
  if constexpr (Request::kApi >= kafka::ApiKey::cluster_poll) how.version_max = version_at<Request>(level_);
  co_return co_await (*to)->call(std::move(request), how);
}

Task<Result<kafka::ClusterPollResponse>> ControllerLink::poll(kafka::ClusterPollRequest request) {
  if (const auto controller = here_) co_return co_await controller->poll(std::move(request));
  // Its machine may have gone without a word: not much longer than the answer may take.
  const Duration timeout = std::chrono::milliseconds(request.max_wait_ms) + 1s;
  co_return co_await call(kPolls, std::move(request), timeout);
}

Task<Result<kafka::BrokerReportResponse>> ControllerLink::report(kafka::BrokerReportRequest request) {
  if (const auto controller = here_) co_return co_await controller->report(std::move(request));
  co_return co_await call(kReports, std::move(request), kReportTimeout);
}

Task<Result<kafka::ForwardResponse>> ControllerLink::forward(kafka::ForwardRequest request,
                                                             Duration timeout) {
  return call(kForwards, std::move(request), timeout);
}

Task<std::vector<IsrOutcome>> ControllerLink::alter_isr(uint64_t incarnation,
                                                        std::vector<IsrChange> changes) {
  if (const auto controller = here_) {
    co_return co_await controller->alter_isr(self_, incarnation, std::move(changes));
  }
  kafka::AlterPartitionRequest request;
  request.broker_id = self_;
  request.broker_epoch = static_cast<int64_t>(incarnation);
  for (const auto& change : changes) {
    if (request.topics.empty() || request.topics.back().topic_id != change.id.topic)
      request.topics.push_back({change.id.topic, {}});
    kafka::AlterPartitionRequest::Partition partition;
    partition.partition_index = change.id.partition;
    partition.leader_epoch = change.epoch;
    partition.partition_epoch = static_cast<int32_t>(change.version);
    for (const auto& [id, member] : change.isr)
      partition.new_isr_with_epochs.push_back({id, static_cast<int64_t>(member)});
    request.topics.back().partitions.push_back(std::move(partition));
  }
  const auto answer = co_await call(kReports, std::move(request), kIsrTimeout);
  if (!answer) {
    const bool sent = answer.error().kind != ErrorKind::unavailable;
    co_return all_with(changes, sent ? ErrorCode::request_timed_out : ErrorCode::not_controller);
  }
  if (answer->error_code != ErrorCode::none) co_return all_with(changes, ErrorCode::not_controller);
  std::map<TopicPartition, IsrOutcome> said;
  for (const auto& topic : answer->topics) {
    for (const auto& partition : topic.partitions) {
      const TopicPartition id{topic.topic_id, partition.partition_index};
      const ErrorCode code = partition.error_code == ErrorCode::unknown_topic_id
                                 ? ErrorCode::unknown_topic_or_partition
                                 : partition.error_code;
      said[id] = {id, code, partition.partition_epoch};
    }
  }
  std::vector<IsrOutcome> outcomes = all_with(changes, ErrorCode::request_timed_out);
  for (auto& outcome : outcomes) {
    if (const auto found = said.find(outcome.id); found != said.end()) outcome = found->second;
  }
  co_return outcomes;
}

}  // namespace godwit::cluster
