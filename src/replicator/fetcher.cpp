#include "replicator/fetcher.h"

#include <algorithm>

namespace godwit::replicator {

using runtime::Task;

namespace {

constexpr Duration kBackoffFirst = std::chrono::milliseconds(20);
constexpr Duration kBackoffMax = std::chrono::seconds(1);
constexpr size_t kUnderWayMax = 2;
// Among how many replicas that are on their way the bytes of one request are shared.
constexpr size_t kOnTheirWayAtOnce = 16;
// While records are written, which mostly takes less than that, the next request that names something is about to go out, and
// its answer has the news of all others too: one that says nothing would cost more than it gains.
constexpr Duration kGather = std::chrono::milliseconds(5);

}  // namespace

Fetcher::Fetcher(Leader leader, const ReplicatorOptions& options, runtime::Runtime& runtime,
                 runtime::Shard& shard, DiagnosticSink& diagnostics)
    : leader_(std::move(leader)),
      options_(options),
      runtime_(runtime),
      shard_(shard),
      diagnostics_(diagnostics) {}

void Fetcher::start() {
  tasks_.spawn(shard_, run());
}

void Fetcher::add(LogPtr log) {
  // In the same epoch the session would take it for the log before: what that one was told would not be told again, and this one
  // would not settle before there is something new.
  if (const auto before = forgotten_.find(log->id());
      before != forgotten_.end() && before->second != log->epoch())
    forgotten_.erase(before);
  restless_.push_back(log);
  logs_.insert_or_assign(log->id(), std::move(log));
  changed_.notify_all();
}

void Fetcher::remove(const TopicPartition& id) {
  const auto found = logs_.find(id);
  if (found == logs_.end()) return;
  std::erase(restless_, found->second);
  if (session_epoch_ > 0 && found->second->named_in != 0)
    forgotten_.insert_or_assign(id, found->second->epoch());
  logs_.erase(found);
  changed_.notify_all();
}

void Fetcher::reconnect() {
  if (connection_) connection_->close();
  changed_.notify_all();
}

Task<void> Fetcher::stop() {
  stopped_ = true;
  changed_.notify_all();
  if (connection_) connection_->close();
  co_await tasks_.close();
}

std::optional<MonotonicTime> Fetcher::next_tick() const {
  std::optional<MonotonicTime> first;
  for (const LogPtr& log : restless_) {
    const auto tick = log->next_tick();
    if (tick && (!first || *tick < *first)) first = tick;
  }
  return first;
}

Task<void> Fetcher::run() {
  while (!stopped_) {
    if (connection_ == nullptr || !connection_->open()) {
      drop_connection();
      // It was refused: the leader does not know this broker yet, or no more.
      if (std::exchange(refused_, false)) co_await back_off();
      if (stopped_ || !co_await connect()) continue;
    }
    if (send_next()) {
      // What others have to say in the same turn of the loop goes with the next one.
      co_await runtime::yield();
      continue;
    }
    auto tick = next_tick();
    if (gathering()) tick = tick ? std::min(*tick, gather_until_) : gather_until_;
    if (held_back_ && under_way_ < kUnderWayMax) {
      const MonotonicTime ready = options_.throttle->ready_at(shard_.now());
      tick = tick ? std::min(*tick, ready) : ready;
    }
    co_await changed_.wait_until(tick ? std::max(*tick, shard_.now() + std::chrono::milliseconds(1))
                                      : shard_.now() + options_.wait_max);
  }
}

Task<bool> Fetcher::connect() {
  peer::ConnectionOptions options;
  options.client_id = "godwit-replica-" + to_string(options_.self);
  options.connect_timeout = options_.patience;
  options.request_timeout = options_.wait_max + options_.patience;
  auto connected = co_await peer::Connection::connect(runtime_.network(), leader_.at, options);
  if (stopped_) co_return false;
  if (!connected) {
    if (!std::exchange(told_unreachable_, true)) {
      diagnostics_.emit({Severity::warning,
                         "replication.leader_unreachable",
                         "cannot fetch from a leader: " + connected.error().describe(),
                         {{"broker", to_string(leader_.id)}, {"address", to_string(leader_.at)}}});
    }
    co_await back_off();
    co_return false;
  }
  told_unreachable_ = false;
  connection_ = std::move(*connected);
  session_id_ = 0;
  session_epoch_ = 0;
  requests_ = 0;
  forgotten_.clear();
  restless_.clear();
  for (const auto& [id, log] : logs_) {
    // What the connection before was asked is answered no more, also where its end was noticed here first.
    log->lost();
    log->named = false;
    log->named_in = 0;
    log->asked_in = 0;
    restless_.push_back(log);
  }
  co_return true;
}

Task<void> Fetcher::back_off() {
  backoff_ = backoff_ == Duration{} ? kBackoffFirst : std::min<Duration>(2 * backoff_, kBackoffMax);
  const MonotonicTime until = shard_.now() + backoff_;
  while (!stopped_ && shard_.now() < until) co_await changed_.wait_until(until);
}

void Fetcher::drop_connection() {
  if (connection_ == nullptr) return;
  connection_->close();
  connection_ = nullptr;
}

bool Fetcher::send_next() {
  if (under_way_ >= kUnderWayMax) return false;
  // The session's number comes with its first answer; a request without it would be refused, and all would begin anew.
  if (session_epoch_ > 0 && session_id_ == 0) return false;
  auto request = next_request();
  if (!request) return false;
  tasks_.spawn(shard_, exchange(connection_, std::move(*request), requests_));
  return true;
}

bool Fetcher::gathering() const {
  return writing_ > 0 && shard_.now() < gather_until_;
}

Fetcher::Grant Fetcher::grant() const {
  if (options_.throttle == nullptr || !options_.throttle->bounded()) return {};
  const size_t all = options_.throttle->grant(shard_.now());
  const auto waiting = std::ranges::count_if(restless_, [](const LogPtr& log) { return log->on_its_way(); });
  const auto sharing = std::clamp<size_t>(static_cast<size_t>(waiting), 1, kOnTheirWayAtOnce);
  return {std::max(Throttle::kLeast, all / sharing), all};
}

std::optional<kafka::FetchRequest> Fetcher::next_request() {
  kafka::FetchRequest request;
  const uint64_t number = requests_ + 1;
  std::map<TopicId, std::vector<kafka::FetchRequest::Partition>> named;
  Grant granted = grant();
  held_back_ = false;
  std::erase_if(restless_, [&](const LogPtr& log) {
    // Those that came back first are asked first: small ones are not kept waiting by large ones. What the leader owes already
    // it may give at any time.
    const bool on_its_way = log->on_its_way();
    if (on_its_way && !log->named && granted.all == 0) {
      held_back_ = true;
      return false;
    }
    const auto next = log->next_fetch();
    if (!next) return false;
    if (std::exchange(log->named, true)) return true;  // the session knows it so
    size_t bytes_max = options_.partition_bytes_max;
    if (on_its_way) {
      bytes_max = std::min(bytes_max, granted.each);
      granted.all -= std::min(granted.all, bytes_max);
    }
    log->asked_on_its_way = on_its_way;
    if (log->named_in == 0) log->named_in = number;
    log->asked_in = number;
    kafka::FetchRequest::Partition partition;
    partition.partition = log->id().partition;
    partition.current_leader_epoch = next->current_leader_epoch;
    partition.fetch_offset = next->offset;
    partition.last_fetched_epoch = next->last_fetched_epoch;
    partition.log_start_offset = next->log_start;
    partition.partition_max_bytes = static_cast<int32_t>(bytes_max);
    named[log->id().topic].push_back(partition);
    return true;
  });
  if (logs_.empty()) {
    if (session_epoch_ == 0 || forgotten_.empty()) return std::nullopt;
  } else if (named.empty() && forgotten_.empty() && under_way_ > 0) {
    // One is enough for news of all that are named.
    return std::nullopt;
  } else if (named.empty() && forgotten_.empty() && gathering()) {
    return std::nullopt;
  }
  request.cluster_id = options_.cluster_id;
  request.replica_state = {options_.self, static_cast<int64_t>(options_.incarnation)};
  // The first answer is waited for by all that is named next.
  const Duration wait_max = session_epoch_ == 0 ? Duration{} : options_.wait_max;
  request.max_wait_ms =
      static_cast<int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(wait_max).count());
  request.min_bytes = 1;
  request.max_bytes = static_cast<int32_t>(options_.fetch_bytes_max);
  request.session_id = session_id_;
  request.session_epoch = session_epoch_;
  // As the leader counts: 0 begins a session.
  session_epoch_ = session_epoch_ == INT32_MAX ? 1 : session_epoch_ + 1;
  requests_ = number;
  for (auto& [topic, partitions] : named) request.topics.push_back({"", topic, std::move(partitions)});
  std::map<TopicId, std::vector<PartitionIndex>> forgotten;
  for (const auto& [id, epoch] : std::exchange(forgotten_, {})) forgotten[id.topic].push_back(id.partition);
  for (auto& [topic, partitions] : forgotten)
    request.forgotten_topics_data.push_back({"", topic, std::move(partitions)});
  return request;
}

Task<void> Fetcher::exchange(std::shared_ptr<peer::Connection> connection, kafka::FetchRequest request,
                             uint64_t number) {
  ++under_way_;
  auto response = co_await connection->call(std::move(request));
  --under_way_;
  changed_.notify_all();
  co_await take(std::move(connection), std::move(response), number);
  changed_.notify_all();
}

Task<void> Fetcher::take(std::shared_ptr<peer::Connection> connection, Result<kafka::FetchResponse> response,
                         uint64_t number) {
  if (stopped_ || connection != connection_) co_return;
  if (!response || response->error_code != ErrorCode::none) {
    // Sessions end with their connection; all is asked anew.
    connection_->close();
    refused_ = true;
    for (const auto& [id, log] : logs_) log->lost();
    co_return;
  }
  backoff_ = {};
  session_id_ = response->session_id;
  std::vector<Task<void>> taking;
  for (auto& topic : response->responses) {
    for (auto& partition : topic.partitions) {
      const auto found = logs_.find({topic.topic_id, partition.partition_index});
      if (found == logs_.end()) continue;
      if (found->second->asked_on_its_way && partition.records) {
        const size_t moved = partition.records->size();
        if (options_.throttle != nullptr) options_.throttle->take(moved, shard_.now());
        if (options_.moved_bytes != nullptr) options_.moved_bytes->add(moved);
      }
      // It began to follow after this was asked: the same leader speaks of an earlier epoch, perhaps of records that it had to
      // cut off since.
      const uint64_t named_in = found->second->named_in;
      if (named_in == 0 || named_in > number) continue;
      // The leader may say once more that the logs part, or what else was wrong, before it hears what was made of that. What it is
      // told then it answers in any case.
      const bool fault = partition.error_code != ErrorCode::none ||
                         partition.diverging_epoch.epoch != kNoLeaderEpoch ||
                         partition.diverging_epoch.end_offset >= Offset(0);
      if (fault && found->second->asked_in > number) continue;
      if (partition.records && !partition.records->empty()) gather_until_ = shard_.now() + kGather;
      taking.push_back(take_one(found->second, std::move(partition)));
    }
  }
  // Others do not wait for these logs to be written: the next request is there meanwhile, be the disk ever so slow.
  ++writing_;
  co_await runtime::when_all(std::move(taking));
  --writing_;
}

Task<void> Fetcher::take_one(LogPtr log, kafka::FetchResponse::Partition answer) {
  co_await log->answered(std::move(answer));
  if (log->ended()) co_return;
  if (std::ranges::find(restless_, log) == restless_.end()) restless_.push_back(log);
  changed_.notify_all();
}

}  // namespace godwit::replicator
