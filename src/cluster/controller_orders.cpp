// What an operator orders: `godwit cluster …`.
#include <algorithm>

#include "cluster/controller_impl.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

constexpr size_t kMovesListed = 10'000;
constexpr int64_t kEventsShown = 100;
constexpr std::string_view kThrottles[] = {"leader.replication.throttled.rate",
                                           "follower.replication.throttled.rate"};

}  // namespace

Task<kafka::ClusterCommandResponse> ControllerImpl::command(kafka::ClusterCommandRequest request) {
  const Call call(*this);
  const BrokerId id = request.broker_id;
  Response response;
  Changed<void> outcome;
  if (ended()) {
    outcome = refuse(ErrorCode::not_controller, "this broker is not the controller any more");
  } else if (request.verb == "status") {
    response = status();
  } else if (request.verb == "events") {
    response = events(request.number);
  } else if (request.verb == "drain" || request.verb == "resume") {
    const bool draining = request.verb == "drain";
    outcome =
        co_await changed<void>([this, id, draining](Draft& draft) { return drain(draft, id, draining); });
  } else if (request.verb == "remove") {
    outcome = co_await changed<void>([this, id](Draft& draft) { return forget_broker(draft, id); });
  } else if (request.verb == "rebalance") {
    auto moves = co_await changed<std::vector<Response::Move>>(
        [this, dry_run = request.dry_run](Draft& draft) { return rebalance(draft, dry_run); });
    if (moves) {
      response.moves = std::move(*moves);
    } else {
      outcome = tl::unexpected(moves.error());
    }
  } else if (request.verb == "throttle") {
    outcome =
        co_await changed<void>([this, rate = request.number](Draft& draft) { return throttle(draft, rate); });
  } else if (request.verb == "upgrade") {
    outcome = co_await changed<void>([this, level = request.number, dry_run = request.dry_run](Draft& draft) {
      return upgrade(draft, level, dry_run);
    });
  } else {
    outcome = refuse(ErrorCode::invalid_request, "there is no command '" + request.verb + "'");
  }
  if (!outcome) {
    response.error_code = outcome.error().code;
    response.message = outcome.error().message;
  }
  response.controller = options_.self;
  response.fence = options_.fence;
  response.feature_level = image()->feature_level;
  response.feature_level_max = level_of_all();
  co_return response;
}

kafka::ClusterCommandResponse ControllerImpl::status() const {
  Response response;
  const ImagePtr now_is = image();
  const ConfigMap settings = fallback(*now_is);
  struct Counts {
    int32_t leads = 0;
    int32_t replicas = 0;
    int32_t out_of_sync = 0;
  };
  std::map<BrokerId, Counts> counts;
  for (const auto& [name, topic] : now_is->topics()) {
    const int min = min_insync(*topic, settings);
    for (const PartitionState& state : topic->partitions) {
      ++response.partitions;
      if (state.leader == kNoBroker) ++response.without_leader;
      if (state.isr.size() < settled(state).size()) ++response.under_replicated;
      if (static_cast<int>(state.isr.size()) < std::min(min, static_cast<int>(state.replicas.size()))) {
        ++response.under_min_isr;
      }
      if (!state.adding.empty() || !state.removing.empty()) ++response.moving;
      if (state.leader != kNoBroker) ++counts[state.leader].leads;
      for (const BrokerId id : state.replicas) {
        ++counts[id].replicas;
        if (std::find(state.isr.begin(), state.isr.end(), id) == state.isr.end()) ++counts[id].out_of_sync;
      }
    }
  }
  for (const auto& [id, broker] : fleet_.brokers()) {
    Response::Broker line;
    line.id = id;
    line.incarnation = static_cast<int64_t>(broker.alive() ? broker.joined : broker.info.incarnation);
    line.rack = broker.info.rack;
    if (!broker.info.listeners.empty()) line.address = to_string(broker.info.listeners.begin()->second);
    line.leads = counts[id].leads;
    line.replicas = counts[id].replicas;
    line.out_of_sync = counts[id].out_of_sync;
    line.can_append = broker.can_append;
    line.features_first = broker.info.features.first;
    line.features_last = broker.info.features.last;
    const auto contact = news_.contact(id, broker.joined);
    if (!broker.alive()) {
      line.state = broker.registered > broker.died ? "joining" : "dead";
    } else if (broker.info.draining) {
      line.state = line.replicas == 0 ? "drained" : "draining";
    } else if (id != options_.self && (!contact || now() - *contact > options_.session_timeout)) {
      line.state = "silent";
    } else {
      line.state = "live";
    }
    response.brokers.push_back(std::move(line));
  }
  for (const placement::Move& move : planned_) {
    if (response.moves.size() == kMovesListed) break;
    const Topic* const topic = now_is->find(move.id.topic);
    if (topic != nullptr) response.moves.push_back({topic->name, move.id.partition, move.before, move.after});
  }
  return response;
}

kafka::ClusterCommandResponse ControllerImpl::events(int64_t count) const {
  Response response;
  response.events = log_.newest(static_cast<size_t>(count > 0 ? count : kEventsShown));
  return response;
}

Changed<void> ControllerImpl::drain(Draft& draft, BrokerId id, bool draining) {
  Fleet::Broker* const broker = fleet_.find(id);
  if (broker == nullptr)
    return refuse(ErrorCode::broker_id_not_registered, "there is no broker " + to_string(id));
  const bool removed = !draining && std::exchange(broker->removing, false);
  if (broker->info.draining == draining && !removed) return {};
  if (broker->info.draining && !draining) broker->steady_since = now();
  broker->info.draining = draining;
  plan_again_at_ = now();
  planned_.clear();  // it was made for other brokers
  if (!draining) cancel_moves_from(draft, id);
  if (!draining && options_.auto_rebalance) rebalance_at_ = now() + options_.session_timeout;
  note(Severity::info, draining ? "broker.draining" : "broker.resumed",
       "broker " + to_string(id) + ", as ordered");
  store_broker(draft, id);
  if (draining) {
    review_and_note(
        draft, [id](const PartitionState& state) { return state.leader == id; },
        "broker " + to_string(id) + " drains");
  }
  return {};
}

Changed<void> ControllerImpl::forget_broker(Draft& draft, BrokerId id) {
  Fleet::Broker* const broker = fleet_.find(id);
  if (broker == nullptr)
    return refuse(ErrorCode::broker_id_not_registered, "there is no broker " + to_string(id));
  if (broker->alive()) {
    return refuse(ErrorCode::invalid_request,
                  "broker " + to_string(id) + " is alive: drain it, stop it, then remove it");
  }
  if (std::exchange(broker->removing, true)) return {};
  plan_again_at_ = now();
  note(Severity::info, "broker.removing",
       "broker " + to_string(id) + " is removed as ordered: its replicas are made anew elsewhere");
  store_broker(draft, id);
  return {};
}

// Who has less than half of what it should: it came lately, or its share is still on its way.
std::vector<placement::Broker> ControllerImpl::newcomers(const Image& image) const {
  const std::vector<placement::Broker> brokers = usable();
  const placement::Load load = load_of(image);
  int64_t total = 0;
  for (const auto& [id, held] : load) total += held.replicas;
  std::vector<placement::Broker> found;
  for (const placement::Broker& broker : brokers) {
    const auto held = load.find(broker.id);
    const int64_t replicas = held == load.end() ? 0 : held->second.replicas;
    const auto count = static_cast<int64_t>(brokers.size());
    if (total >= 2 * count && 2 * replicas * count < total) found.push_back(broker);
  }
  return found;
}

std::vector<placement::Move> ControllerImpl::even_moves(const Image& image) const {
  const std::vector<placement::Broker> brokers = usable();
  const std::vector<placement::Assignment> assignments = assignments_of(image);
  const std::vector<placement::Broker> late = newcomers(image);
  if (late.empty() || late.size() == brokers.size()) return placement::even_out(assignments, brokers);
  std::vector<placement::Broker> before;
  for (const placement::Broker& broker : brokers) {
    const bool is_late = std::any_of(late.begin(), late.end(),
                                     [&](const placement::Broker& other) { return other.id == broker.id; });
    if (!is_late) before.push_back(broker);
  }
  // Those that are dead, or drain, keep what they have: that is not what was asked for.
  std::vector<placement::Broker> after = brokers;
  for (const auto& [id, known] : fleet_.brokers()) {
    const bool listed = std::any_of(brokers.begin(), brokers.end(),
                                    [&](const placement::Broker& broker) { return broker.id == id; });
    if (listed) continue;
    before.push_back({id, known.info.rack});
    after.push_back({id, known.info.rack});
  }
  return placement::rebalance(assignments, before, after);
}

std::vector<placement::Move> ControllerImpl::leaving_moves(const Image& image) const {
  std::vector<placement::Broker> before;
  std::vector<placement::Broker> after;
  std::set<BrokerId> leaving;
  std::set<BrokerId> removing;
  for (const auto& [id, known] : fleet_.brokers()) {
    before.push_back({id, known.info.rack});
    if (known.info.draining || known.removing) {
      leaving.insert(id);
    } else {
      after.push_back(
          {id, known.info.rack});  // who is dead keeps what it has; whether it gets more is seen below
    }
    if (known.removing) removing.insert(id);
  }
  const std::vector<placement::Assignment> assignments = assignments_of(image);
  const auto concerned = [&](const placement::Assignment& one, const std::set<BrokerId>& whom) {
    return std::any_of(one.replicas.begin(), one.replicas.end(),
                       [&](BrokerId id) { return whom.contains(id); });
  };
  const std::set<TopicPartition> waiting = stranded(image, leaving);
  if (waiting.empty() &&
      std::none_of(assignments.begin(), assignments.end(),
                   [&](const placement::Assignment& one) { return concerned(one, leaving); })) {
    return {};
  }
  // Replicas go to those alone that live; of a partition that moves anyway, those on dead brokers are made anew, too.
  std::erase_if(after, [&](const placement::Broker& broker) { return !fleet_.find(broker.id)->alive(); });
  std::erase_if(before, [&](const placement::Broker& broker) {
    return !leaving.contains(broker.id) && !fleet_.find(broker.id)->alive();
  });
  std::vector<placement::Move> moves = placement::rebalance(assignments, before, after);
  std::erase_if(moves, [&](const placement::Move& move) {
    return !concerned({move.id, move.before}, leaving) && !waiting.contains(move.id);
  });
  std::set<TopicPartition> planned;
  for (const placement::Move& move : moves) planned.insert(move.id);
  for (const placement::Assignment& one : assignments) {
    if (planned.contains(one.id) || !concerned(one, removing)) continue;
    // Nobody else is there to take it: the others stay.
    std::vector<BrokerId> rest = one.replicas;
    std::erase_if(rest, [&](BrokerId id) { return removing.contains(id); });
    if (!rest.empty()) moves.push_back({one.id, one.replicas, std::move(rest)});
  }
  return moves;
}

Changed<std::vector<kafka::ClusterCommandResponse::Move>> ControllerImpl::rebalance(Draft& draft,
                                                                                    bool dry_run) {
  std::vector<placement::Move> moves = even_moves(draft.image());
  // What an operator moves goes where the operator said.
  std::erase_if(moves, [this](const placement::Move& move) {
    return moving_.contains(move.id) && !automatic_.contains(move.id);
  });
  std::vector<Response::Move> listed;
  for (const placement::Move& move : moves) {
    if (listed.size() == kMovesListed) break;
    listed.push_back({draft.image().find(move.id.topic)->name, move.id.partition, move.before, move.after});
  }
  if (!dry_run && !moves.empty()) {
    note(Severity::info, "rebalance.planned",
         std::to_string(moves.size()) + " partitions move to even the load out");
    planned_.assign(moves.begin(), moves.end());
  }
  return listed;
}

int16_t ControllerImpl::level_of_all() const {
  int16_t highest = options_.features.last;
  for (const auto& [id, broker] : fleet_.brokers()) {
    // One that never joined and is gone again holds nobody up.
    if (broker.stored || broker.registered > broker.died)
      highest = std::min(highest, broker.info.features.last);
  }
  return std::max(highest, image()->feature_level);
}

// Only up: what is written at the new level an older build does not read. Brokers that are dead count, for they are to come back.
Changed<void> ControllerImpl::upgrade(Draft& draft, int64_t wanted, bool dry_run) {
  const int16_t present = draft.image().feature_level;
  const int16_t highest = level_of_all();
  const int64_t level = wanted == 0 ? highest : wanted;
  if (level < present) {
    return refuse(ErrorCode::invalid_request, "the cluster works at feature level " +
                                                  std::to_string(present) + ", which never goes down");
  }
  if (level > highest) {
    std::string behind;
    for (const auto& [id, broker] : fleet_.brokers()) {
      if (broker.info.features.last < level)
        behind +=
            "; broker " + to_string(id) + " works up to level " + std::to_string(broker.info.features.last);
    }
    return refuse(ErrorCode::invalid_request,
                  "not every broker works at feature level " + std::to_string(level) + behind);
  }
  if (level == present || dry_run) return {};
  note(Severity::info, "features.upgraded",
       "feature level " + std::to_string(present) + " -> " + std::to_string(level) +
           ", as ordered: builds that do not work at it are refused from now on");
  draft.put_feature_level(static_cast<int16_t>(level));
  return {};
}

Changed<void> ControllerImpl::throttle(Draft& draft, int64_t bytes_per_second) {
  if (bytes_per_second < -1) return refuse(ErrorCode::invalid_request, "a rate is not negative");
  const auto found = draft.image().broker_configs.find(kNoBroker);
  ConfigMap config = found == draft.image().broker_configs.end() ? ConfigMap{} : found->second;
  for (const std::string_view name : kThrottles) {
    if (bytes_per_second == -1) {
      config.erase(std::string(name));
    } else {
      config[std::string(name)] = std::to_string(bytes_per_second == 0 ? INT64_MAX : bytes_per_second);
    }
  }
  note(Severity::info, "replication.throttled",
       bytes_per_second == 0    ? "no bound"
       : bytes_per_second == -1 ? "as each broker is configured"
                                : std::to_string(bytes_per_second) + " bytes a second");
  draft.put_broker_config(kNoBroker, std::move(config));
  return {};
}

}  // namespace godwit::cluster
