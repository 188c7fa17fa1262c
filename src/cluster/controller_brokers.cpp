// Brokers come, join, report and die; and are told the news.
#include <algorithm>

#include "cluster/controller_impl.h"
#include "cluster/feature_level.h"

namespace godwit::cluster {
namespace {

using kafka::BrokerReportRequest;
using kafka::BrokerReportResponse;
using kafka::ClusterPollRequest;
using kafka::ClusterPollResponse;
using runtime::Task;

constexpr Duration kRegistrationWait = std::chrono::seconds(1);

bool contains(const std::vector<BrokerId>& ids, BrokerId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::string named(BrokerId id, uint64_t incarnation) {
  return "broker " + to_string(id) + ", incarnation " + std::to_string(incarnation);
}

tl::unexpected<Refusal> over(BrokerId id, uint64_t incarnation) {
  return refuse(ErrorCode::stale_broker_epoch,
                named(id, incarnation) + " was declared dead or has a successor");
}

}  // namespace

void ControllerImpl::registered(const BrokerInfo& broker) {
  decide_soon([this, broker](Draft& draft) { on_registered(draft, broker); });
}

void ControllerImpl::on_registered(Draft& draft, const BrokerInfo& info) {
  missing_.erase(info.id);
  const Fleet::Broker* const known = fleet_.find(info.id);
  if (known != nullptr && (info.incarnation < known->registered || info.incarnation < known->joined)) return;
  // Rule 1: who starts anew is dead in the incarnation before, whatever its lease says.
  if (known != nullptr && known->alive() && known->joined != info.incarnation) {
    declare_dead(draft, info.id, "it started again, as incarnation " + std::to_string(info.incarnation));
  }
  fleet_.registered(info);
  registered_.notify_all();
  if (fleet_.alive(info.id, info.incarnation) && draft.image().brokers.at(info.id) != fleet_.shown(info.id)) {
    store_broker(draft, info.id);
  }
}

void ControllerImpl::store_broker(Draft& draft, BrokerId id) {
  if (fleet_.find(id)->alive()) {
    draft.write({{keys::joined(id), draft.encoded(stored_of(id))}});
    draft.put_broker(fleet_.shown(id));
  } else {
    // A controller that finds this and not the elections makes up for them.
    draft.write_beside({{keys::joined(id), draft.encoded(stored_of(id))}});
    draft.remove_broker(id);
  }
}

void ControllerImpl::count_failure(Draft& draft, BrokerId id) {
  fleet_.failed(id, now());
  draft.write_beside({{keys::joined(id), draft.encoded(stored_of(id))}});
}

Task<void> ControllerImpl::died(BrokerId id, uint64_t incarnation, std::string why) {
  const Call call(*this);
  (void)co_await decide([this, id, incarnation, why = std::move(why)](Draft& draft) {
    missing_.erase(id);
    Fleet::Broker* const broker = fleet_.find(id);
    if (broker == nullptr) return;
    if (broker->joined == incarnation && broker->alive()) {
      declare_dead(draft, id, why);
    } else if (broker->registered == incarnation) {
      broker->died = std::max(broker->died, incarnation);
      news_.ring();
    }
  });
}

void ControllerImpl::declare_dead(Draft& draft, BrokerId id, const std::string& why) {
  const std::string name = named(id, fleet_.find(id)->joined);
  const std::string before = state_of(*fleet_.find(id));
  fleet_.died(id, now());
  forget_claims(id);
  note(EventKind::broker_dead,
       {.about = name, .change = from_to(before, state_of(*fleet_.find(id))), .why = why});
  review_and_note(
      draft, [id](const PartitionState& state) { return state.leader == id || contains(state.isr, id); },
      name + " is dead");
  store_broker(draft, id);
  news_.ring();
}

Task<ClusterPollResponse> ControllerImpl::poll(ClusterPollRequest request) {
  const Call call(*this);
  const BrokerId id = request.broker_id;
  const auto incarnation = static_cast<uint64_t>(request.incarnation);
  const ImageVersion version{request.fence, request.sequence};
  // It may know more than it serves, while some of its partitions are slow: only what it serves is acknowledged.
  const bool knows_more = request.known_fence >= 0;
  const ImageVersion known = knows_more ? ImageVersion{request.known_fence, request.known_sequence} : version;
  ClusterPollResponse refusal;
  refusal.controller = options_.self;
  refusal.fence = request.fence;
  refusal.sequence = request.sequence;
  refusal.cluster_id = options_.cluster_id;
  if (request.cluster_id != options_.cluster_id) {
    refusal.error_code = ErrorCode::inconsistent_cluster_id;
    co_return refusal;
  }
  const auto stale = [this, id, incarnation] { return ended() || fleet_.over(id, incarnation); };
  // A stranger is nobody whose contact counts.
  if (!stale() && !co_await is_registered(id, incarnation) && !ended()) {
    refusal.error_code = ErrorCode::request_timed_out;
    co_return refusal;
  }
  // Who is about to join looks in this image for what it must prove (rule 2): it has to show every ISR that the incarnation before
  // got into. None comes after its death, and that is durable, with all that was decided before, when a later wish is.
  if (!stale() && !fleet_.alive(id, incarnation)) (void)co_await decide([](Draft&) {});
  if (!stale()) {
    missing_.erase(id);
    if (options_.later_fence && std::max(version, known).fence > options_.fence) {
      options_.later_fence(std::max(version, known).fence);
    }
    news_.acknowledged(id, incarnation, version, now());
    Fleet::Broker* const broker = fleet_.find(id);
    if (broker != nullptr) broker->undecided = request.undecided;
    if (broker != nullptr && broker->unheard && broker->joined == incarnation) {
      decide_soon([this, id, incarnation](Draft&) { heard_again(id, incarnation); });
    }
    // A broker is silent when it does not ask for a session timeout: so nobody is kept waiting that long.
    const Duration wait = std::clamp<Duration>(std::chrono::milliseconds(request.max_wait_ms), Duration{},
                                               options_.session_timeout / 2);
    co_await news_.wait(known, now() + wait, stale);
  }
  if (stale()) {
    refusal.error_code = ended() ? ErrorCode::not_controller : ErrorCode::stale_broker_epoch;
    if (ended()) refusal.controller = kNoBroker;
    co_return refusal;
  }
  ClusterPollResponse news = news_.since(known);
  news.since_known = knows_more;
  co_return news;
}

Task<bool> ControllerImpl::is_registered(BrokerId id, uint64_t incarnation) {
  const MonotonicTime until = now() + kRegistrationWait;
  const auto known = [&] {
    const Fleet::Broker* const broker = fleet_.find(id);
    return broker != nullptr && (broker->registered >= incarnation || broker->joined >= incarnation);
  };
  while (!ended() && !known()) {
    if (!co_await registered_.wait_until(until)) break;
  }
  co_return known();
}

Task<BrokerReportResponse> ControllerImpl::report(BrokerReportRequest request) {
  const Call call(*this);
  BrokerReportResponse response;
  const BrokerId id = request.broker_id;
  const auto incarnation = static_cast<uint64_t>(request.incarnation);
  if (request.cluster_id != options_.cluster_id) {
    response.error_code = ErrorCode::inconsistent_cluster_id;
    response.message = "this is cluster " + options_.cluster_id;
    co_return response;
  }
  Changed<void> outcome;
  if (request.kind == BrokerReportRequest::kJoin) {
    (void)co_await is_registered(id, incarnation);
    outcome = co_await changed<void>([this, request](Draft& draft) { return on_join(draft, request); });
  } else if (request.kind == BrokerReportRequest::kHealth || request.kind == BrokerReportRequest::kLeave) {
    outcome = co_await changed<void>([this, request](Draft& draft) { return on_health(draft, request); });
  } else {
    outcome = refuse(ErrorCode::invalid_request, "there is no such report");
  }
  if (!outcome) {
    response.error_code = outcome.error().code;
    response.message = outcome.error().message;
    co_return response;
  }
  if (request.kind == BrokerReportRequest::kLeave) {
    // Others lead by now, and should know it before this one is gone.
    co_await settle();
    for (const auto& [name, topic] : image()->topics()) {
      for (const PartitionState& state : topic->partitions) {
        if (state.leader == id) ++response.still_leading;
      }
    }
  }
  co_return response;
}

Changed<void> ControllerImpl::on_join(Draft& draft, const BrokerReportRequest& request) {
  const BrokerId id = request.broker_id;
  const auto incarnation = static_cast<uint64_t>(request.incarnation);
  const Fleet::Broker* broker = fleet_.find(id);
  if (broker != nullptr && (broker->registered > incarnation || broker->joined > incarnation)) {
    return over(id, incarnation);
  }
  if (broker != nullptr && broker->joined == incarnation && incarnation != 0) {  // asked again
    take_losses(draft, request, !request.has_logs);
    if (!broker->doubts.empty()) store_broker(draft, id);
    return on_health(draft, request);
  }
  if (broker == nullptr || broker->registered != incarnation) {
    return refuse(ErrorCode::request_timed_out, named(id, incarnation) + " is not registered yet");
  }
  // Its registration and the raising of the level crossed each other.
  if (const std::string fault = level_fault(broker->info.features, draft.image().feature_level);
      !fault.empty())
    return refuse(ErrorCode::unsupported_version, fault);
  const bool newcomer = !broker->stored;
  // What it reported as synced lies on another disk than this one, whatever logs this one has.
  const bool exchanged = !request.storage_id.is_zero() && !broker->storage_id.is_zero() &&
                         request.storage_id != broker->storage_id;
  const bool emptied = !request.has_logs || exchanged;
  take_losses(draft, request, emptied);
  forget_claims(id);
  // Before it can be elected, and before its join brings elections.
  if (!emptied) take_contradictions(draft, request);
  const std::string before = state_of(*broker);
  const bool removed = broker->removing;
  fleet_.joined(id, request.storage_id, emptied, request.can_append, now());
  note(EventKind::broker_joined,
       {.about = named(id, incarnation) + (!request.has_logs ? ", with an empty disk"
                                           : exchanged       ? ", with another disk"
                                                             : ""),
        .change = from_to(before, state_of(*broker)),
        .why = "it registered and asked to join"});
  review_and_note(
      draft,
      [id](const PartitionState& state) { return state.leader == kNoBroker && contains(state.isr, id); },
      named(id, incarnation) + " joined");
  store_broker(draft, id);
  if (removed && !broker->info.draining) stay(draft, id, emptied);
  if (newcomer && options_.auto_rebalance) {
    rebalance_at_ = now() + options_.session_timeout;  // others may come with it
  }
  return {};
}

void ControllerImpl::take_losses(Draft& draft, const BrokerReportRequest& request, bool emptied) {
  const BrokerId id = request.broker_id;
  note_doubts(request, emptied);
  std::vector<TopicPartition> partitions;
  if (!emptied) {
    for (const auto& topic : request.unproven) {
      for (const PartitionIndex index : topic.partitions) partitions.push_back({topic.topic, index});
    }
  } else {
    for (const auto& [name, topic] : draft.image().topics()) {
      for (size_t i = 0; i < topic->partitions.size(); ++i) {
        if (contains(topic->partitions[i].replicas, id)) {
          partitions.push_back({topic->id, PartitionIndex(static_cast<int32_t>(i))});
        }
      }
    }
  }
  lose(draft, id, partitions, emptied);
}

void ControllerImpl::lose(Draft& draft, BrokerId id, const std::vector<TopicPartition>& partitions,
                          bool emptied) {
  const Eligible eligible = this->eligible();
  ChangeList shrunk;
  ChangeList gone;
  for (const TopicPartition& at : partitions) {
    const PartitionState* const present = draft.image().find(at);
    if (present == nullptr) continue;
    const PartitionState before = *present;
    bool lost = false;
    auto next = emptied ? after_emptying(before, id, eligible, lost) : after_loss(before, id, eligible, lost);
    if (!next) continue;
    if (lost || next->isr != before.isr) (lost ? gone : shrunk).add(draft.image(), at, before, *next);
    draft.put(at, std::move(*next));
  }
  if (shrunk.count() != 0) {
    note(EventKind::replicas_unproven,
         "broker " + to_string(id) + " cannot prove " + std::to_string(shrunk.count()) +
             " of its replicas, which others have",
         shrunk);
  }
  if (gone.count() != 0) {
    note(EventKind::partitions_lost,
         "broker " + to_string(id) + " cannot prove " + std::to_string(gone.count()) +
             " replicas that were the last in sync; they have no leader until an unclean election is "
             "ordered",
         gone);
  }
}

// What the controller before knew of it is told anew, as soon as the broker hears of this one: a session timeout later it would have
// been.
std::string ControllerImpl::state_before(Fleet::Broker& broker) {
  const bool untold = std::exchange(broker.untold, false);
  const bool settled =
      news_.contact(broker.info.id, broker.joined) && now() - opened_at_ > options_.session_timeout;
  return untold && !settled ? std::string(kUnknownState) : state_of(broker);
}

// Controlled shutdown: its leaders go to others, and it leaves every ISR as far as the bound allows, in one pass, or acks=all would
// wait for it until its death is noticed. It asks again and again while it still leads something: others may be in sync by now.
void ControllerImpl::on_leave(Draft& draft, BrokerId id) {
  Fleet::Broker& broker = *fleet_.find(id);
  if (!broker.leaving) {
    const std::string before = state_before(broker);
    broker.leaving = true;
    note(EventKind::broker_leaving, {.about = named(id, broker.joined),
                                     .change = from_to(before, state_of(broker)),
                                     .why = "it says that it is about to stop"});
  }
  review_and_note(
      draft, [id](const PartitionState& state) { return state.leader == id || contains(state.isr, id); },
      named(id, broker.joined) + " is about to stop");
}

// kHealth and kLeave, and a join that was asked again.
Changed<void> ControllerImpl::on_health(Draft& draft, const BrokerReportRequest& request) {
  const BrokerId id = request.broker_id;
  const auto incarnation = static_cast<uint64_t>(request.incarnation);
  if (!fleet_.alive(id, incarnation)) return over(id, incarnation);
  if (request.kind == BrokerReportRequest::kLeave) {
    on_leave(draft, id);
    return {};
  }
  take_contradictions(draft, request);
  Fleet::Broker& broker = *fleet_.find(id);
  if (broker.can_append == request.can_append) return {};
  const bool led = broker.may_lead();
  const std::string before = state_before(broker);
  broker.can_append = request.can_append;
  const std::string name = named(id, incarnation);
  if (request.can_append) {
    fleet_.recovered(id, now());
    note(EventKind::broker_can_append, {.about = name,
                                        .change = from_to(before, state_of(broker)),
                                        .why = "it says that its disk takes writes again"});
    return {};
  }
  note(EventKind::broker_cannot_append, {.about = name,
                                         .change = from_to(before, state_of(broker)),
                                         .why = "it says that its disk takes no writes"});
  if (!led) return {};
  count_failure(draft, id);
  review_and_note(
      draft, [id](const PartitionState& state) { return state.leader == id; }, name + " cannot append");
  return {};
}

}  // namespace godwit::cluster
