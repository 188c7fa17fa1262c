// The brokers of the model: logs in memory, and the drivers of the product's leader and follower.
#include <algorithm>

#include "replication/model_testing.h"

namespace godwit::replication::test {

using namespace std::chrono_literals;

void ModelLog::truncate(int64_t end_wanted) {
  records.resize(static_cast<size_t>(std::max<int64_t>(0, end_wanted - start)));
  synced = std::min(synced, end());
}

void ModelLog::drop_before(int64_t offset) {
  records.erase(records.begin(), records.begin() + (offset - start));
  start = offset;
}

// The largest epoch <= asked that has records, and where it ended.
std::optional<EpochEnd> ModelLog::end_of(LeaderEpoch asked) const {
  for (int64_t offset = end(); offset > start; --offset) {
    if (at(offset - 1).epoch <= asked.value())
      return EpochEnd{LeaderEpoch(at(offset - 1).epoch), Offset(offset)};
  }
  return std::nullopt;
}

LogFacts ModelLog::facts() const {
  return {Offset(start), Offset(end()), Offset(synced),
          records.empty() ? kNoLeaderEpoch : LeaderEpoch(records.back().epoch)};
}

LogFacts Model::follower_facts(const ModelBroker& broker) const {
  LogFacts facts = broker.log.facts();
  if (mutant_ == Mutant::fetches_before_sync) facts.synced = facts.end;
  if (mutant_ == Mutant::truncates_to_high_watermark) facts.last_epoch = kNoLeaderEpoch;
  return facts;
}

std::span<const LiveBroker> Model::live_list(const Published& state) {
  live_scratch_.clear();
  for (int id = 0; id < brokers_count_; ++id) {
    const uint64_t incarnation = state.live[static_cast<size_t>(id)];
    if (incarnation != 0) live_scratch_.push_back({BrokerId(id), incarnation});
  }
  return live_scratch_;
}

void Model::send(Message message) {
  if (message.from >= 0) {
    message.from_incarnation = brokers_[static_cast<size_t>(message.from)].incarnation;
    message.from_boot = brokers_[static_cast<size_t>(message.from)].boot;
  }
  if (message.to >= 0 && !message.to_boot) message.to_boot = brokers_[static_cast<size_t>(message.to)].boot;
  if (faults_ && random_.once_in(50)) return;
  if (faults_ && random_.once_in(hold_once_in_)) return held_.push_back(std::move(message));
  network_.push_back(std::move(message));
}

void Model::publish_to(int broker) {
  send(
      {.kind = Message::Kind::publish, .from = -1, .to = broker, .state = std::make_shared<Published>(key_)});
}

void Model::deliver(size_t index) {
  Message message = std::move(network_[index]);
  // Fetches and answers may come twice, when a request is repeated on another connection.
  const bool twice = faults_ && random_.once_in(30) && message.kind != Message::Kind::publish &&
                     message.kind != Message::Kind::propose;
  if (twice) {
    network_[index] = message;
  } else {
    network_[index] = std::move(network_.back());
    network_.pop_back();
  }
  const int link = (message.from + 1) * static_cast<int>(kBrokersMax + 1) + message.to + 1;
  if (cut_[static_cast<size_t>(link)]) return;
  if (message.kind == Message::Kind::propose) return on_proposal(message);
  ModelBroker& to = brokers_[static_cast<size_t>(message.to)];
  if (!to.up || to.boot != message.to_boot) return;
  switch (message.kind) {
    case Message::Kind::fetch:
      return on_fetch(message.to, message);
    case Message::Kind::fetched:
      return on_fetched(message.to, message);
    case Message::Kind::publish:
      return apply(message.to, *message.state);
    case Message::Kind::proposed: {
      const bool lost = faults_ && random_.once_in(8);
      if (to.leader && to.leader->asked_id == message.proposal.id) {
        to.leader->on_answer(message.proposal.id, lost ? IsrOutcome::unknown : message.outcome, now_);
        after_leader(message.to);
      }
      return;
    }
    case Message::Kind::propose:
      return;
  }
}

void Model::apply(int id, const Published& state) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  if (state.image <= broker.view.image) return;
  const bool same_role = state.epoch == broker.view.epoch;
  broker.view = state;
  if (!same_role) begin_role(broker, id);
  if (!broker.leader) return;
  if (same_role && !broker.leader->real.on_committed(state.version, replicas_, state.isr, now_)) {
    fail("a published state contradicts itself");
  }
  broker.leader->real.set_live(live_list(state));
  broker.leader->live = state.live;
  after_leader(id);
}

void Model::begin_role(ModelBroker& broker, int id) {
  const Published& state = broker.view;
  ModelLog& log = broker.log;
  broker.leader.reset();
  broker.follower.reset();
  broker.fetch.reset();
  broker.contacts = with_contacts_ ? std::make_unique<Contacts>() : nullptr;
  broker.last_counted.fill({});
  if (state.leader == id && state.leader_incarnation == broker.incarnation) {
    const LeaderReplica::Setup setup{.self = BrokerId(id),
                                     .epoch = LeaderEpoch(state.epoch),
                                     .version = state.version,
                                     .replicas = replicas_,
                                     .isr = state.isr,
                                     .min_insync = min_insync_,
                                     .lag_max = 3s,
                                     .epoch_start = Offset(log.end()),
                                     .end = Offset(log.end()),
                                     .synced = Offset(log.synced),
                                     .high_watermark = Offset(log.high_watermark),
                                     .now = now_,
                                     .contacts = broker.contacts.get()};
    broker.leader = std::make_unique<LeaderUnderTest>(setup, mutant_);
  } else if (state.leader >= 0 && state.leader != id) {
    if (mutant_ == Mutant::truncates_to_high_watermark) log.truncate(std::max(log.start, log.high_watermark));
    broker.follower = std::make_unique<FollowerReplica>(
        FollowerReplica::Setup{.epoch = LeaderEpoch(state.epoch),
                               .log = follower_facts(broker),
                               .high_watermark = Offset(log.high_watermark)});
  }
}

void Model::on_fetch(int id, const Message& message) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  Message reply{.kind = Message::Kind::fetched,
                .from = id,
                .to = message.from,
                .to_boot = message.from_boot,
                .fetch = message.fetch};
  FetchAnswer& answer = reply.answer;
  const auto refuse = [&](ErrorCode error) {
    answer.error = error;
    send(std::move(reply));
  };
  if (!broker.leader) return refuse(ErrorCode::not_leader_or_follower);
  const ModelLog& log = broker.log;
  answer.log_start = Offset(log.start);
  const FollowerFetch fetch{BrokerId(message.from), message.from_incarnation,
                            message.fetch.current_leader_epoch, message.fetch.offset};
  if (fetch.epoch == broker.leader->real.epoch()) {
    if (fetch.synced < Offset(log.start)) return refuse(ErrorCode::offset_out_of_range);
    if (mutant_ == Mutant::counts_diverging) broker.leader->on_fetch(fetch, now_);
    const LeaderEpoch last = message.fetch.last_fetched_epoch;
    answer.diverging = find_divergence(fetch.synced, last, log.end_of(last), Offset(log.start));
    if (answer.diverging) return send(std::move(reply));
  }
  // An idle partition of a session: the follower's fetch says nothing new of it.
  FollowerFetch& last = broker.last_counted[static_cast<size_t>(message.from)];
  const bool renews = broker.contacts && last.incarnation == fetch.incarnation && last.epoch == fetch.epoch &&
                      last.synced == fetch.synced && fetch.synced == Offset(log.end());
  if (broker.contacts) broker.contacts->heard(fetch.follower, fetch.incarnation, now_);
  if (!renews) {
    switch (broker.leader->on_fetch(fetch, now_)) {
      case FetchOutcome::counted:
        break;
      case FetchOutcome::fenced_epoch:
        return refuse(ErrorCode::fenced_leader_epoch);
      case FetchOutcome::unknown_epoch:
        return refuse(ErrorCode::unknown_leader_epoch);
      case FetchOutcome::beyond_end:
        return refuse(ErrorCode::offset_out_of_range);
      case FetchOutcome::not_a_replica:
      case FetchOutcome::old_incarnation:
        return refuse(ErrorCode::not_leader_or_follower);
    }
    last = fetch;
  }
  after_leader(id);
  const int64_t count = std::min(log.end() - fetch.synced.value(), random_.between(1, 8));
  for (int64_t i = 0; i < count; ++i) reply.records.push_back(log.at(fetch.synced.value() + i));
  answer.has_records = count > 0;
  answer.high_watermark = Offset(broker.leader->high_watermark());
  send(std::move(reply));
}

void Model::on_fetched(int id, const Message& message) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  if (!broker.follower) return;
  ModelLog& log = broker.log;
  FetchAnswer answer = message.answer;
  if (answer.diverging) answer.own_end = log.end_of(answer.diverging->epoch);
  // Another role's fetch may have the same number: a connection's correlation tells them apart.
  if (!broker.fetch || broker.fetch->id != message.fetch.id ||
      broker.fetch->current_leader_epoch != message.fetch.current_leader_epoch) {
    return;
  }
  broker.fetch.reset();
  const FollowerStep step = broker.follower->on_answer(message.fetch.id, answer, now_);
  const bool failed = faults_ && random_.once_in(40);
  switch (step.kind) {
    case FollowerStep::Kind::append:
      if (!failed) log.records.insert(log.records.end(), message.records.begin(), message.records.end());
      break;
    case FollowerStep::Kind::truncate:
      if (!failed) log.truncate(step.offset.value());
      ++truncations_;
      break;
    case FollowerStep::Kind::restart:
      if (!failed)
        log = {.start = step.offset.value(),
               .synced = step.offset.value(),
               .high_watermark = 0,
               .saved_high_watermark = 0,
               .records = {}};
      break;
    case FollowerStep::Kind::refuse_loss:
      return fail("a follower should take off what was committed");
    case FollowerStep::Kind::protocol_error:
      return fail("a follower makes no sense of an answer");
    case FollowerStep::Kind::ignore:
    case FollowerStep::Kind::fetch_again:
    case FollowerStep::Kind::wait:
      return after_follower(id);
  }
  if (step.lossy) fail("a follower takes off what was committed");
  if (failed) {
    broker.follower->on_failed(follower_facts(broker), now_);
  } else {
    broker.follower->on_done(follower_facts(broker));
  }
  check_key();
  after_follower(id);
}

void Model::append(int id) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  if (!broker.leader) return;
  for (int64_t count = random_.between(1, 3); count > 0; --count) {
    broker.log.records.push_back({broker.leader->real.epoch().value(), ++values_});
  }
  broker.leader->own_progress(broker.log.end(), broker.log.synced);
  after_leader(id);
}

void Model::sync(int id) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  ModelLog& log = broker.log;
  log.synced = faults_ && random_.once_in(3) ? random_.between(log.synced, log.end()) : log.end();
  if (broker.leader) {
    broker.leader->own_progress(log.end(), log.synced);
    after_leader(id);
  } else if (broker.follower) {
    broker.follower->on_log(follower_facts(broker));
    after_follower(id);
  }
}

void Model::tick(int id) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  if (broker.leader) {
    LeaderUnderTest& leader = *broker.leader;
    if (leader.asked_id != 0 && now_ - leader.asked_at > 1s)
      leader.on_answer(leader.asked_id, IsrOutcome::unknown, now_);
    return after_leader(id);
  }
  if (!broker.follower) return;
  if (broker.fetch && now_ - broker.fetch_at > 500ms) {
    broker.follower->on_lost(broker.fetch->id, now_);
    broker.fetch.reset();
  }
  after_follower(id);
}

void Model::after_leader(int id) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  const auto carry_high_watermark = [&] {
    const int64_t before = broker.log.high_watermark;
    const int64_t after = broker.leader->high_watermark();
    if (after == before) return;
    // A broker that becomes leader may know of more than it has synced; as a leader it shows no more than that.
    check_high_watermark(id, std::min(before, broker.log.synced), after);
    broker.log.high_watermark = after;
  };
  carry_high_watermark();
  const auto is_due = [&] {
    return broker.leader->real.next_tick(now_).value_or(MonotonicTime::max()) <= now_;
  };
  const bool due = is_due();
  auto proposal = broker.leader->take_proposal(now_);
  // Who was awaited for too long is not any more.
  carry_high_watermark();
  if (due && !proposal && is_due() && mutant_ == Mutant::none)
    fail("a tick that is due has nothing to say and changes nothing");
  if (proposal)
    send({.kind = Message::Kind::propose, .from = id, .to = -1, .proposal = std::move(*proposal)});
}

void Model::after_follower(int id) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  FollowerReplica& follower = *broker.follower;
  const int64_t high_watermark = follower.high_watermark().value();
  if (high_watermark > committed()) fail("a follower shows more than was committed");
  check_agrees(id, std::min(broker.log.high_watermark, high_watermark), high_watermark);
  broker.log.high_watermark = high_watermark;
  if (const auto wanted = follower.wanted_start()) {
    broker.log.drop_before(wanted->value());
    follower.on_log(follower_facts(broker));
  }
  if (broker.fetch) return;
  broker.fetch = follower.next_fetch(now_);
  if (!broker.fetch) return;
  broker.fetch_at = now_;
  send({.kind = Message::Kind::fetch, .from = id, .to = broker.view.leader, .fetch = *broker.fetch});
}

}  // namespace godwit::replication::test
