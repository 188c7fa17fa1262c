#include "broker/replica_session.h"

#include <algorithm>

#include "broker/broker.h"
#include "replication/divergence.h"

namespace godwit::broker {

using kafka::FetchRequest;
using kafka::FetchResponse;
using replication::FetchOutcome;
using runtime::Task;

namespace {

// From this version on topics are named by id and followers say their incarnation.
constexpr int16_t kFirstVersion = 15;
// Who got no records for want of memory to read with is looked at again after this long.
constexpr Duration kReadAgainAfter = std::chrono::milliseconds(50);

ErrorCode code_of(FetchOutcome outcome) {
  switch (outcome) {
    case FetchOutcome::counted:
      return ErrorCode::none;
    case FetchOutcome::not_a_replica:
      return ErrorCode::not_leader_or_follower;
    case FetchOutcome::fenced_epoch:
      return ErrorCode::fenced_leader_epoch;
    case FetchOutcome::unknown_epoch:
      return ErrorCode::unknown_leader_epoch;
    case FetchOutcome::old_incarnation:
      return ErrorCode::stale_broker_epoch;
    case FetchOutcome::beyond_end:
      return ErrorCode::offset_out_of_range;
  }
  return ErrorCode::unknown_server_error;
}

// Whether the broker lives, or has replicas and is on its way.
bool belongs(const cluster::Image& image, BrokerId id) {
  if (image.brokers.contains(id)) return true;
  return std::ranges::any_of(image.topics(), [id](const auto& entry) {
    return std::ranges::any_of(entry.second->partitions, [id](const cluster::PartitionState& state) {
      return std::ranges::find(state.replicas, id) != state.replicas.end();
    });
  });
}

// Nothing that is heard meanwhile is to be added.
bool is_whole(const FetchResponse::Partition& answer) {
  return answer.error_code != ErrorCode::none || answer.diverging_epoch.epoch != kNoLeaderEpoch ||
         answer.diverging_epoch.end_offset >= Offset(0) || (answer.records && !answer.records->empty());
}

void tell_of_stale(RequestContext& context, const kafka::FetchRequest::ReplicaState& follower) {
  const auto& options = context.shard.options();
  const bool lasts = context.shard.stale_fetchers().lasts(
      follower.replica_id, runtime::Shard::current()->now(), 2 * options.session_timeout);
  context.shard.broker().diagnostics().emit({lasts ? Severity::warning : Severity::debug,
                                             "replica.refused",
                                             lasts ? "a broker goes on fetching under an incarnation that is "
                                                     "not the one which joined: does it reach the "
                                                     "controller?"
                                                   : "a broker fetches under another incarnation than the "
                                                     "one which joined: it is starting, or was declared "
                                                     "dead",
                                             {{"broker", to_string(follower.replica_id)},
                                              {"incarnation", std::to_string(follower.replica_epoch)},
                                              {"peer", to_string(context.client.peer)}}});
}

}  // namespace

ReplicaSession::ReplicaSession(BrokerShard& shard, Client& client, BrokerId follower, uint64_t incarnation)
    : shard_(shard),
      follower_(follower),
      incarnation_(incarnation),
      session_(client.connection),
      wait_(shard, client, FetchWait::Of::follower) {
  id_ = static_cast<int32_t>(1 + shard.shard().random().below(INT32_MAX));
}

ReplicaSession::~ReplicaSession() = default;

Task<FetchResponse> ReplicaSession::serve(RequestContext& context, const FetchRequest& request) {
  GW_CHECK(&context.shard == &shard_, "a follower's session stays on the shard on which it was made");
  FetchResponse response;
  response.session_id = id_;
  if (request.session_epoch != next_epoch_ || (next_epoch_ > 0 && request.session_id != id_)) {
    response.error_code = ErrorCode::invalid_fetch_session_epoch;
    co_return response;
  }
  next_epoch_ = next_epoch_ == INT32_MAX ? 1 : next_epoch_ + 1;
  bytes_max_ =
      std::min(static_cast<size_t>(std::max(0, request.max_bytes)), shard_.options().fetch_bytes_max);
  total_ = 0;
  // So that those who wait for room get some, however much the others have.
  bytes_left_for_unread_ = unread_.empty() ? 0 : bytes_max_ / 4;
  const MonotonicTime deadline =
      context.arrived + std::chrono::milliseconds(std::max(0, request.max_wait_ms));

  co_await forget(request);
  const std::vector<size_t> named = name(request);
  Answers answers;
  co_await look_at(named, Look::named, answers);
  // What the request names may have news each time: others are heard all the same.
  co_await look_at_news(wait_.take(), answers);
  co_await give_unread(answers);
  co_await give_moving(answers);
  while (answers.empty() && shard_.shard().now() < deadline && !shard_.broker().stopping() &&
         !context.client.gone) {
    const MonotonicTime until = next_look(deadline);
    std::vector<size_t> changed = co_await wait_.changed(until);
    if (changed.empty()) {
      if (until == deadline || wait_.hurried() || shard_.shard().now() < until) break;
      // Some may have come into sync meanwhile, or are not named any more: those wait for nothing.
      if (!on_their_way_.empty() && shard_.broker().leader_throttle().grant(until) == 0)
        co_await look_at({on_their_way_.begin(), on_their_way_.end()}, Look::again, answers);
    }
    co_await look_at_news(std::move(changed), answers);
    co_await give_unread(answers);
    co_await give_moving(answers);
    // News that the follower need not hear of must not hold its next request up.
    if (wait_.hurried()) break;
  }
  co_await take_memory(context, answers);
  wait_.answered();

  std::map<TopicId, size_t> topics;
  for (auto& [place, answer] : answers) {
    Target& target = targets_[place];
    if (target.forgotten) continue;
    // Where it has to cut first, or to begin anew, it has agreed to nothing: the next answer is one in any case.
    const bool agreed = answer.error_code == ErrorCode::none &&
                        answer.diverging_epoch.epoch == kNoLeaderEpoch &&
                        answer.diverging_epoch.end_offset < Offset(0);
    target.answered_high_watermark = agreed ? answer.high_watermark : Offset(-1);
    target.answered_log_start = answer.log_start_offset;
    if (answer.records && !answer.records->empty()) target.answered_records = true;
    const auto [topic, first] = topics.try_emplace(target.id.topic, response.responses.size());
    if (first) response.responses.push_back({"", target.id.topic, {}});
    response.responses[topic->second].partitions.push_back(std::move(answer));
  }
  co_return response;
}

Task<void> ReplicaSession::forget(const FetchRequest& request) {
  for (const auto& topic : request.forgotten_topics_data) {
    for (const PartitionIndex partition : topic.partitions) {
      const TopicPartition id{topic.topic_id, partition};
      const auto found = places_.find(id);
      if (found == places_.end()) continue;
      targets_[found->second].forgotten = true;
      unread_.erase(found->second);
      free_.push_back(found->second);
      places_.erase(found);
      co_await shard_.on(id, [id, follower = follower_, session = session_](BrokerShard& owner) {
        if (const auto known = owner.find(id)) known->on_unfollow(follower, session);
      });
    }
  }
}

std::vector<size_t> ReplicaSession::name(const FetchRequest& request) {
  std::vector<size_t> named;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      const TopicPartition id{topic.topic_id, partition.partition};
      const auto [found, first] = places_.try_emplace(id, free_.empty() ? targets_.size() : free_.back());
      if (first && found->second == targets_.size()) {
        targets_.push_back({.id = id});
      } else if (first) {
        // News of who had the place before are looked at in vain, once.
        targets_[found->second] = {.id = id};
        free_.pop_back();
      }
      Target& target = targets_[found->second];
      const bool other_epoch = target.asked.current_leader_epoch != partition.current_leader_epoch;
      const bool same_place = target.asked.fetch_offset == partition.fetch_offset;
      target.asked = partition;
      target.answered_records = false;
      target.absent = false;
      target.no_replica = false;
      // It is to hear something in any case when it says where it is for the first time, or anew after a fault, or in another
      // epoch: before it has heard of its leader it serves no reads. Who has got no further and says so again may have dropped what
      // it was told meanwhile (it was in a back-off). Once it is told it names the partition no more, and the session rests.
      if (first || other_epoch || same_place) target.answered_high_watermark = Offset(-1);
      shards_.insert(shard_.broker().store().shard_of(id));
      named.push_back(found->second);
    }
  }
  return named;
}

MonotonicTime ReplicaSession::next_look(MonotonicTime deadline) const {
  const MonotonicTime now = shard_.shard().now();
  if (!unread_.empty()) deadline = std::min(deadline, now + kReadAgainAfter);
  if (!on_their_way_.empty()) deadline = std::min(deadline, shard_.broker().leader_throttle().ready_at(now));
  return deadline;
}

Task<void> ReplicaSession::look_at_news(std::vector<size_t> changed, Answers& answers) {
  if (changed.empty()) co_return;
  std::ranges::sort(changed);
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  co_await look_at(changed, Look::news, answers);
}

Task<void> ReplicaSession::look_at(const std::vector<size_t>& places, Look why, Answers& answers) {
  std::vector<std::vector<size_t>> by_shard(shard_.broker().shard_count());
  // As the first of each stand in line: the shard of those who wait longest comes first.
  std::vector<size_t> order;
  for (const size_t place : places) {
    if (targets_[place].forgotten) continue;
    const size_t index = shard_.broker().store().shard_of(targets_[place].id);
    if (by_shard[index].empty()) order.push_back(index);
    by_shard[index].push_back(place);
  }
  // Each request says to all that the follower lives.
  if (why == Look::named)
    for (const size_t index : shards_)
      if (by_shard[index].empty()) order.push_back(index);
  for (const size_t index : order) {
    const std::vector<size_t>& wanted = by_shard[index];
    BrokerShard& owner = shard_.broker().shard(index);
    // One visit of a shard for all that is to be done there: with little to do its way is what costs.
    co_await owner.shard().call([this, &owner, &wanted, why, &answers]() -> Task<void> {
      for (const size_t place : wanted) {
        // Watched before it is looked at: what comes in between is news again.
        if (why != Look::again && !targets_[place].absent)
          wait_.watch_here(owner, {targets_[place].id, place});
        co_await look_at_one(owner, place, why == Look::named, answers);
      }
      if (why == Look::named) owner.contacts().heard(follower_, incarnation_, owner.shard().now());
    });
  }
}

Task<void> ReplicaSession::look_at_one(BrokerShard& owner, size_t place, bool named, Answers& answers) {
  Target& target = targets_[place];
  const FetchRequest::Partition& asked = target.asked;
  if (const auto made = answers.find(place); made != answers.end() && is_whole(made->second)) co_return;
  if (target.no_replica && !named) co_return;
  FetchResponse::Partition answer;
  answer.partition_index = asked.partition;
  answer.aborted_transactions.reset();
  const auto partition = owner.find(target.id);
  // Watching what is not there is news at once, again and again.
  target.absent = partition == nullptr;
  if (partition == nullptr || !partition->leading()) {
    answer.error_code = ErrorCode::not_leader_or_follower;
  } else if (asked.current_leader_epoch < LeaderEpoch(0)) {
    answer.error_code = ErrorCode::unknown_leader_epoch;
  } else {
    answer.error_code = partition->check_epoch(asked.current_leader_epoch);
  }
  if (answer.error_code != ErrorCode::none) {
    answer.high_watermark = Offset(-1);
    // What is not watched any more is told, so that the follower names it again.
    if (named || target.absent) answers[place] = std::move(answer);
    co_return;
  }
  answer.log_start_offset = partition->log_start();
  answer.high_watermark = partition->high_watermark();
  if (!agrees(*partition, asked, answer)) {
    answers[place] = std::move(answer);
    co_return;
  }
  if (named) {
    const auto outcome = partition->on_replica_fetch({follower_, incarnation_, asked.current_leader_epoch,
                                                      asked.fetch_offset, session_, asked.log_start_offset});
    answer.error_code = code_of(outcome);
    target.no_replica = outcome == FetchOutcome::not_a_replica;
    if (answer.error_code != ErrorCode::none) {
      answers[place] = std::move(answer);
      co_return;
    }
  }
  if (!target.answered_records && asked.fetch_offset < partition->log()->end()) {
    const TopicSettings* const settings = owner.settings(target.id.topic);
    // Who has all that is committed, or nearly so, is about to join the ISR, and the high watermark may wait for it already.
    const bool lacks = asked.fetch_offset < partition->high_watermark() && partition->leading() &&
                       !partition->leader()->awaits(follower_);
    const bool on_its_way = settings != nullptr && lacks &&
                            is_on_its_way(partition->state(), follower_, settings->leader_throttled,
                                          target.id.partition, owner.options().id);
    if (!on_its_way) target.waits = false;
    const size_t reserved = giving_unread_ || granted_ > 0 ? 0 : bytes_left_for_unread_;
    if (on_its_way && granted_ == 0) {
      if (!std::exchange(target.waits, true)) on_their_way_.push_back(place);
    } else if ((lacks && !on_its_way && !giving_unread_) || (total_ + reserved >= bytes_max_ && total_ > 0)) {
      unread_.insert(place);
    } else {
      const size_t limit = std::min(bytes_max_ - reserved - total_,
                                    static_cast<size_t>(std::max(0, asked.partition_max_bytes)));
      // It waited for its turn: that must get it on, however large its batches are. For memory to read with nobody waits here:
      // all others of the session would wait too.
      const uint64_t reign = partition->reign();
      auto read = co_await partition->read_for_replica(
          asked.fetch_offset, on_its_way ? std::min(limit, granted_) : limit, total_ == 0 || on_its_way);
      if (!read) {
        answer.error_code = read.error().code;
        answers[place] = std::move(answer);
        co_return;
      }
      // What is behind that offset by now may follow on other records than those that the follower was found to agree on.
      if (!partition->leading() || partition->reign() != reign) {
        answer.error_code = ErrorCode::not_leader_or_follower;
        answers[place] = std::move(answer);
        co_return;
      }
      if (read->batches.empty()) unread_.insert(place);
      total_ += read->batches.size();
      if (on_its_way) {
        owner.broker().leader_throttle().take(read->batches.size(), owner.shard().now());
        owner.metrics().moved_out.add(read->batches.size());
      }
      answer.records = std::move(read->batches);
    }
  }
  if (partition->leading()) answer.high_watermark = partition->high_watermark();
  if (has_news(target, answer)) answers[place] = std::move(answer);
}

Task<void> ReplicaSession::give_unread(Answers& answers) {
  if (unread_.empty() || (total_ > 0 && total_ >= bytes_max_)) co_return;
  const std::vector<size_t> line = unread_.take();
  giving_unread_ = true;
  co_await look_at(line, Look::again, answers);
  giving_unread_ = false;
  // Who got nothing keeps its place, whichever shard was visited first.
  Line rest;
  for (const size_t place : line)
    if (unread_.has(place)) rest.insert(place);
  unread_ = std::move(rest);
}

Task<void> ReplicaSession::give_moving(Answers& answers) {
  for (size_t turns = on_their_way_.size(); turns > 0 && (total_ == 0 || total_ < bytes_max_); --turns) {
    const size_t grant = shard_.broker().leader_throttle().grant(shard_.shard().now());
    if (grant == 0) break;
    const size_t place = on_their_way_.front();
    on_their_way_.pop_front();
    Target& target = targets_[place];
    // Where it does not wait any more, it was answered without this line.
    if (!std::exchange(target.waits, false) || target.forgotten || target.absent) continue;
    granted_ = grant;
    co_await look_at({place}, Look::again, answers);
    granted_ = 0;
  }
}

bool ReplicaSession::agrees(Partition& partition, const FetchRequest::Partition& asked,
                            FetchResponse::Partition& answer) {
  const storage::Log& log = *partition.log();
  if (asked.fetch_offset < log.start()) {
    answer.error_code = ErrorCode::offset_out_of_range;
    return false;
  }
  std::optional<replication::EpochEnd> ended;
  if (asked.last_fetched_epoch != kNoLeaderEpoch) {
    if (const auto end = log.epochs().end_of(asked.last_fetched_epoch, log.end()))
      ended = {end->epoch, end->end};
  } else if (asked.fetch_offset > log.end()) {
    answer.error_code = ErrorCode::offset_out_of_range;
    return false;
  }
  const auto parted =
      replication::find_divergence(asked.fetch_offset, asked.last_fetched_epoch, ended, log.start());
  if (!parted) return true;
  answer.diverging_epoch = {parted->epoch, parted->end};
  return false;
}

bool ReplicaSession::has_news(const Target& target, const FetchResponse::Partition& answer) const {
  return (answer.records && !answer.records->empty()) ||
         answer.high_watermark != target.answered_high_watermark ||
         answer.log_start_offset != target.answered_log_start;
}

Task<void> ReplicaSession::take_memory(RequestContext& context, Answers& answers) {
  if (total_ == 0) co_return;
  const size_t bytes = total_;
  runtime::Semaphore& all = shard_.response_memory();
  if (all.try_acquire(bytes)) {
    context.permit = Permit(all, nullptr, bytes);
    co_return;
  }
  // Consumers that do not read may hold all of it, and must not stop replication; nor must another follower that hangs: one
  // answer to each may be under way from here.
  runtime::Semaphore& reserve = shard_.replica_memory();
  runtime::Semaphore* const own = context.client.response_memory.get();
  const bool own_free = own == nullptr || own->try_acquire(bytes);
  if (own_free && reserve.try_acquire(bytes)) {
    context.permit = Permit(reserve, own, bytes);
    co_return;
  }
  // Nothing is pinned while this waits, and the records come with the next answer.
  for (auto& [place, answer] : answers) {
    if (!answer.records || answer.records->empty()) continue;
    answer.records->clear();
    unread_.insert(place);
  }
  if (!own_free) co_await own->acquire(bytes);
  if (own != nullptr) own->release(bytes);
  co_await reserve.acquire(bytes);
  reserve.release(bytes);
}

Task<void> ReplicaSession::close() {
  wait_.close();
  for (const auto& [id, place] : places_) {
    co_await shard_.on(id, [id, follower = follower_, session = session_](BrokerShard& owner) {
      if (const auto known = owner.find(id)) known->on_unfollow(follower, session);
    });
  }
}

Task<FetchResponse> fetch_for_replica(RequestContext& context, FetchRequest request) {
  FetchResponse refused;
  const cluster::ImagePtr image = context.shard.image();
  const auto broker = image->brokers.find(request.replica_state.replica_id);
  if (context.version() < kFirstVersion || !request.cluster_id) {
    refused.error_code = ErrorCode::unsupported_version;
  } else if (*request.cluster_id != image->cluster_id) {
    refused.error_code = ErrorCode::inconsistent_cluster_id;
  } else if (broker == image->brokers.end() || request.replica_state.replica_epoch < 0 ||
             broker->second.incarnation != static_cast<uint64_t>(request.replica_state.replica_epoch)) {
    refused.error_code = ErrorCode::stale_broker_epoch;
  }
  if (refused.error_code == ErrorCode::stale_broker_epoch && request.replica_state.replica_epoch >= 0 &&
      belongs(*image, request.replica_state.replica_id)) {
    tell_of_stale(context, request.replica_state);
    co_return refused;
  }
  if (refused.error_code != ErrorCode::none) {
    context.shard.broker().tell_of_stranger(
        context.client.peer,
        "a Fetch in the name of broker " + to_string(request.replica_state.replica_id) +
            " is refused: " + std::string(to_string(refused.error_code)) +
            " (only a registered broker of this cluster may fetch as a replica)",
        "");
    co_return refused;
  }
  auto& session = context.client.replica;
  if (request.session_epoch == 0 && session != nullptr) {
    co_await session->close();
    session = nullptr;
  }
  if (session == nullptr) {
    session = std::make_shared<ReplicaSession>(context.shard, context.client, broker->first,
                                               broker->second.incarnation);
  } else if (session->follower() != broker->first || session->incarnation() != broker->second.incarnation) {
    refused.error_code = ErrorCode::fetch_session_id_not_found;
    co_return refused;
  }
  co_return co_await session->serve(context, request);
}

}  // namespace godwit::broker
