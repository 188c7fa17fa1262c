#include "broker/group_driver.h"

#include "record/batch_builder.h"

namespace godwit::broker {

using runtime::Task;

namespace {

constexpr Duration kRingAgain = std::chrono::milliseconds(100);
// While somebody waits for an answer it is looked so often whether that can still come from here.
constexpr Duration kLookAfterWaiting = std::chrono::milliseconds(500);

// Batches of a manager share a record batch up to this size, so that many small commits share their overhead; one that is
// larger goes alone.
constexpr size_t kAppendBytes = size_t{256} << 10;
// How often it is looked whether the client is gone that waits for others to join.
constexpr Duration kLookWhetherGone = std::chrono::seconds(1);
// How long an append waits for memory and journal space before it is given up (nothing is in the log then).
constexpr Duration kAppendPatience = std::chrono::seconds(5);
// How often somebody who waits for a commit looks whether the driver was stopped meanwhile.
constexpr Duration kCommitPatience = std::chrono::milliseconds(500);

size_t size_of(const groups::RecordBatch& batch) {
  constexpr size_t kOverheadOfARecord = 32;
  size_t size = 0;
  for (const auto& record : batch.records) {
    size += kOverheadOfARecord + record.key.size() + (record.value ? record.value->size() : 0);
  }
  return size;
}

}  // namespace

// Whoever waits for the answer to one request. Leaves the driver's list with its frame.
class GroupDriver::Asking {
 public:
  Asking(std::shared_ptr<GroupDriver> driver, groups::RequestToken token)
      : driver_(std::move(driver)), token_(token) {
    driver_->waiting_.emplace(token_.value(), this);
  }
  ~Asking() { driver_->waiting_.erase(token_.value()); }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  Task<groups::Response> answer() {
    while (!response_) co_await arrived_.wait();
    co_return std::move(*response_);
  }
  // The same, or `unheard` once `gone` is true.
  Task<groups::Response> answer(groups::Response unheard, const std::atomic<bool>& gone) {
    while (!response_) {
      if (gone.load()) co_return unheard;
      co_await arrived_.wait_until(driver_->shard_.now() + kLookWhetherGone);
    }
    co_return std::move(*response_);
  }
  void take(groups::Response response) {
    response_ = std::move(response);
    arrived_.notify_all();
  }

 private:
  std::shared_ptr<GroupDriver> driver_;
  groups::RequestToken token_;
  std::optional<groups::Response> response_;
  runtime::Condition arrived_;
};

GroupDriver::GroupDriver(runtime::Shard& shard, std::shared_ptr<Partition> partition,
                         const groups::GroupOptions& options, DiagnosticSink& diagnostics,
                         GroupMetrics& metrics, TopicNow topic_now, Duration session_timeout)
    : shard_(shard),
      partition_(std::move(partition)),
      reign_(partition_->reign()),
      session_timeout_(session_timeout),
      manager_(options),
      diagnostics_(diagnostics),
      metrics_(metrics),
      topic_now_(std::move(topic_now)),
      timer_(shard) {}

GroupDriver::~GroupDriver() = default;

void GroupDriver::start() {
  started_ = shard_.now();
  manager_.load_begin();
  tasks_.spawn(shard_, load());
  tasks_.spawn(shard_, write());
  tasks_.spawn(shard_, await_commits());
}

Task<void> GroupDriver::stop() {
  if (!stopping_) {
    stopping_ = true;
    manager_.resign();
    carry_out();
    timer_.stop();
    backlog_.clear();
    changed_.notify_all();
  }
  co_await tasks_.close();
}

// Rule 15. What this manager says must have been true when it was asked, so it says nothing once another one may have begun.
// With T the session timeout, and `cut` the last moment at which anything came through:
//
//   - another one begins at cut + 2/3 T at the earliest: the lease is renewed every T/3, the controller is asked as often (every
//     second, so that with T < 2 s this is less), and either must have been missing for T; a process that lives is not refused,
//     so nothing quicker ends it.
//   - every follower in the ISR said at `cut` at the latest that it follows, and says so every T/3 while all is well and idle. Here
//     it counts for T/2: until cut + T/2.
//   - a leadership that is moved while this broker lives begins elsewhere without this broker's knowing. But that other one is sure
//     only when its whole ISR follows it, and this broker is in it (where it was not taken out of the replicas in the same
//     moment): it follows after it has resigned.
//   - a process that slept may find in its sockets what followers said before. It had lost its lease when another one began, if not
//     for want of a coordination service: so after that loss it waits for T, by which it has read what came meanwhile and has
//     heard of its successor. Who has been without the service for longer goes on by his ISR alone, as a leader does.
bool GroupDriver::sure() {
  if (alone()) return true;
  if (partition_->lease_holds()) {
    unleased_since_.reset();
  } else if (!unleased_since_) {
    unleased_since_ = shard_.now();
  }
  if (unleased_since_ && shard_.now() - *unleased_since_ < session_timeout_) return false;
  return partition_->confirmed_within(session_timeout_ / 2);
}

Task<groups::Response> GroupDriver::ask(groups::Request request, const std::atomic<bool>* gone) {
  // Rule 15: cut off from the others, somebody else may manage these groups by now. Who begins has not been confirmed yet, and
  // answers nothing but that he loads.
  const bool begins = !loaded_ && shard_.now() - started_ <= session_timeout_;
  if (!begins && !sure()) {
    // A list that lacks them must not look whole.
    const bool lists = std::holds_alternative<groups::ListGroupsRequest>(request);
    co_return groups::error_response(
        request, lists ? ErrorCode::coordinator_not_available : ErrorCode::not_coordinator);
  }
  const groups::RequestToken token(++last_token_);
  Asking asking(shared_from_this(), token);
  // All others wait for a write at most, and that has its own patience.
  std::optional<groups::Response> unheard;
  if (gone != nullptr && (std::holds_alternative<groups::JoinRequest>(request) ||
                          std::holds_alternative<groups::SyncRequest>(request)))
    unheard = groups::error_response(request, ErrorCode::rebalance_in_progress);
  manager_.decide(token, std::move(request), now());
  carry_out();
  if (!unheard) co_return co_await asking.answer();
  co_return co_await asking.answer(std::move(*unheard), *gone);
}

void GroupDriver::topic_deleted(const std::string& name, const TopicId& id) {
  if (stopping_) return;
  if (!loaded_) {
    deleted_while_loading_.emplace_back(name, id);
    return;
  }
  manager_.topic_deleted(name, id, now());
  carry_out();
}

void GroupDriver::carry_out() {
  groups::GroupManager::Output output = manager_.take_output();
  for (auto& batch : output.batches) backlog_.push_back(std::move(batch));
  if (!output.batches.empty()) changed_.notify_all();
  for (auto& reply : output.replies) {
    const auto asking = waiting_.find(reply.token.value());
    // Nobody waits any more when the connection's task was destroyed.
    if (asking != waiting_.end()) asking->second->take(std::move(reply.response));
  }
  metrics_.count(counted_, manager_.tally());
  counted_ = manager_.tally();
  set_timer();
}

void GroupDriver::set_timer() {
  auto deadline = manager_.next_deadline();
  // Rings that find it unsure follow each other, however long ago members' deadlines were.
  if (unsure_since_) deadline = shard_.now() + kRingAgain;
  // A parked Join may have no deadline that comes soon.
  if (!waiting_.empty() && !alone() && (!deadline || *deadline > shard_.now() + kLookAfterWaiting))
    deadline = shard_.now() + kLookAfterWaiting;
  if (!deadline || stopping_) return timer_.stop();
  // Each heartbeat moves a deadline on. A timer that rings early finds nothing to do and is set again: cheaper than to move
  // it with every request.
  if (timer_.pending() && timer_.when() <= *deadline) return;
  timer_.start(*deadline, [this] { ring(); });
}

void GroupDriver::ring() {
  // After a gap (a stopped process, a cut network) nobody's session has run out before it is certain that these groups are
  // still managed here: their members may have been heard elsewhere.
  if (!sure()) return ring_unsure();
  unsure_since_.reset();
  turned_away_ = false;
  manager_.tick(now());
  carry_out();
}

void GroupDriver::ring_unsure() {
  if (!unsure_since_) unsure_since_ = shard_.now();
  manager_.tick_writes(now());
  // Nobody is told of success here, but that a write did succeed: then it is committed in this epoch, and every later manager
  // loads it. Whoever waits longer had better look for another manager; the one that has this partition by then knows the groups.
  if (shard_.now() - *unsure_since_ >= session_timeout_ && !std::exchange(turned_away_, true))
    manager_.turn_away(ErrorCode::not_coordinator, now());
  carry_out();
}

// --- writing

Task<void> GroupDriver::write() {
  for (;;) {
    while (backlog_.empty() && !stopping_) co_await changed_.wait();
    if (stopping_) co_return;
    co_await append(take_for_one_append());
  }
}

std::vector<groups::RecordBatch> GroupDriver::take_for_one_append() {
  std::vector<groups::RecordBatch> taken;
  size_t bytes = 0;
  while (!backlog_.empty()) {
    bytes += size_of(backlog_.front());
    if (!taken.empty() && bytes > kAppendBytes) break;
    taken.push_back(std::move(backlog_.front()));
    backlog_.pop_front();
  }
  return taken;
}

// One batch of the manager is never torn apart: each becomes committed as a whole, or not at all.
Task<void> GroupDriver::append(std::vector<groups::RecordBatch> batches) {
  BatchBuilder builder({.leader_epoch = partition_->leader_epoch()});
  std::vector<groups::Sequence> sequences;
  for (const auto& batch : batches) {
    sequences.push_back(batch.sequence);
    for (const auto& record : batch.records) {
      NewRecord added{.timestamp_ms = record.timestamp.ms, .key = BytesView(record.key)};
      if (record.value) added.value = BytesView(*record.value);
      builder.add(added);
    }
  }
  batches.clear();
  auto bytes = builder.build();
  if (!bytes) {
    report_failed(sequences, ErrorCode::record_list_too_large);
    co_return;
  }
  if (!reigns()) {
    // The leadership ended, and perhaps began again, before this driver was told: what it knows of its groups is old.
    report_failed(sequences, ErrorCode::not_leader_or_follower);
    co_return;
  }
  const auto appended =
      co_await partition_->append(*bytes, shard_.wall_now(), shard_.now() + kAppendPatience, true);
  if (stopping_) co_return;
  if (!appended) {
    tell_refusal(appended.error());
    report_failed(sequences, appended.error().code);
    co_return;
  }
  last_refusal_ = ErrorCode::none;
  written_.push_back({std::move(sequences), appended->last_offset + 1});
  changed_.notify_all();
}

void GroupDriver::tell_refusal(const storage::Refusal& refusal) {
  if (std::exchange(last_refusal_, refusal.code) == refusal.code) return;
  diagnostics_.emit({Severity::warning,
                     "groups.not_written",
                     "what consumer groups commit is not written: " + refusal.message,
                     {{"topic", partition_->topic()},
                      {"partition", to_string(partition_->id().partition)},
                      {"error", std::string(to_string(refusal.code))}}});
}

Task<void> GroupDriver::await_commits() {
  for (;;) {
    while (written_.empty() && !stopping_) co_await changed_.wait();
    if (stopping_) co_return;
    const Offset end = written_.front().end;
    const MonotonicTime until = shard_.now() + kCommitPatience;
    const ErrorCode outcome = co_await partition_->wait_committed(end, until, reign_);
    if (stopping_) co_return;
    if (outcome == ErrorCode::request_timed_out) {
      // Not known yet: the manager itself loses patience with those who wait, and still takes the outcome. A partition that waits
      // no more, since the broker stops, says so at once.
      co_await pause(until - shard_.now());
      continue;
    }
    if (outcome != ErrorCode::none) {
      const Written lost = std::move(written_.front());
      written_.pop_front();
      report_failed(lost.sequences, outcome);
      continue;
    }
    // Those behind it that share its sync are committed too.
    const Offset committed_end = std::max(end, partition_->high_watermark());
    groups::Sequence last;
    while (!written_.empty() && written_.front().end <= committed_end) {
      last = written_.front().sequences.back();
      written_.pop_front();
    }
    manager_.committed(last, now());
    carry_out();
  }
}

void GroupDriver::report_failed(const std::vector<groups::Sequence>& sequences, ErrorCode error) {
  for (const groups::Sequence sequence : sequences) manager_.failed(sequence, error, now());
  carry_out();
}

}  // namespace godwit::broker
