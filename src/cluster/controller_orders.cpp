// What an operator orders: `godwit cluster …`.
#include <algorithm>

#include "base/text.h"
#include "cluster/controller_impl.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

constexpr size_t kMovesListed = 10'000;  // by a rebalance
constexpr int64_t kEventsShown = 100;
constexpr std::string_view kThrottles[] = {"leader.replication.throttled.rate",
                                           "follower.replication.throttled.rate"};

// "20000000 bytes a second", "no bound", "as each broker is configured"; leader's and follower's where they differ, which tools can
// bring about.
std::string describe_throttle(const ConfigMap& config) {
  std::string words[2];
  for (size_t i = 0; i < 2; ++i) {
    const auto found = config.find(kThrottles[i]);
    words[i] = found == config.end()                        ? "as each broker is configured"
               : found->second == std::to_string(INT64_MAX) ? "no bound"
                                                            : cut_off(found->second, 30) + " bytes a second";
  }
  return words[0] == words[1] ? words[0] : "leaders: " + words[0] + ", followers: " + words[1];
}

// "replicas (preferred leaders) of broker 1: 12 (4) -> 9 (3), …" of those for whom it changes.
std::string describe_loads(const Image& image, std::span<const placement::Move> moves) {
  std::vector<placement::Assignment> assignments = assignments_of(image);
  const placement::Load before = placement::load_of(assignments);
  std::map<TopicPartition, const placement::Move*> by_id;
  for (const placement::Move& move : moves) by_id[move.id] = &move;
  for (placement::Assignment& one : assignments) {
    if (const auto move = by_id.find(one.id); move != by_id.end()) one.replicas = move->second->after;
  }
  placement::Load after = placement::load_of(assignments);
  for (const auto& [id, load] : before) after.try_emplace(id);
  const auto words = [](const placement::BrokerLoad& load) {
    return std::to_string(load.replicas) + " (" + std::to_string(load.leaders) + ")";
  };
  std::string text;
  for (const auto& [id, load] : after) {
    const auto was = before.find(id);
    const placement::BrokerLoad had = was == before.end() ? placement::BrokerLoad{} : was->second;
    if (had == load) continue;
    text += (text.empty() ? "replicas (preferred leaders) of broker " : ", of broker ") + to_string(id) +
            ": " + from_to(words(had), words(load));
  }
  return text.empty() ? "leaders and replicas of each broker: as many -> as many" : text;
}

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
        [this, dry_run = request.dry_run](Draft& draft) { return rebalance(draft, dry_run, "as ordered"); });
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

kafka::ClusterCommandResponse ControllerImpl::events(int64_t count) const {
  Response response;
  response.events = log_.newest(static_cast<size_t>(count > 0 ? count : kEventsShown));
  return response;
}

Changed<void> ControllerImpl::drain(Draft& draft, BrokerId id, bool draining) {
  Fleet::Broker* const broker = fleet_.find(id);
  if (broker == nullptr)
    return refuse(ErrorCode::broker_id_not_registered, "there is no broker " + to_string(id));
  const std::string before = state_of(*broker);
  const bool removed = !draining && std::exchange(broker->removing, false);
  if (broker->info.draining == draining && !removed) return {};
  if (broker->info.draining && !draining) broker->steady_since = now();
  broker->info.draining = draining;
  plan_again_at_ = now();
  planned_.clear();  // it was made for other brokers
  if (!draining) cancel_moves_from(draft, id, "is resumed, as ordered");
  if (!draining && options_.auto_rebalance) rebalance_at_ = now() + options_.session_timeout;
  note(draining ? EventKind::broker_draining : EventKind::broker_resumed,
       {.about = "broker " + to_string(id),
        .change = from_to(before, state_of(*broker)),
        .why = "as ordered"});
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
  const std::string before = state_of(*broker);
  if (std::exchange(broker->removing, true)) return {};
  plan_again_at_ = now();
  int32_t stuck = 0;
  for (const Response::Wait& wait : waits(draft.image())) {
    if (wait.broker == id && wait.needs == Response::Wait::kBroker) stuck = wait.partitions;
  }
  note(EventKind::broker_removing,
       {.about = "broker " + to_string(id),
        .change = from_to(before, state_of(*broker)),
        .why = std::string("as ordered: its replicas are made anew elsewhere") +
               (stuck == 0
                    ? ""
                    : "; " + std::to_string(stuck) + " partitions wait for another broker to take them")});
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
  std::set<BrokerId> known;
  const std::set<BrokerId> leaving = this->leaving();
  const std::vector<placement::Broker> takers = usable();
  const auto takes = [&](BrokerId id) {
    return std::ranges::find(takers, id, &placement::Broker::id) != takers.end();
  };
  const auto add = [&](BrokerId id, const std::string& rack) {
    if (!known.insert(id).second) return;
    before.push_back({id, rack});
    // Who is dead keeps what it has, for it may only be starting again: it gets nothing more.
    if (!leaving.contains(id)) after.push_back({id, rack, takes(id) ? 0 : 1});
  };
  for (const auto& [id, broker] : fleet_.brokers()) add(id, broker.info.rack);
  std::vector<placement::Assignment> assignments = assignments_of(image);
  std::map<TopicPartition, std::vector<BrokerId>> waiting = stranded(image, leaving);
  std::map<TopicPartition, std::vector<BrokerId>> concerned;
  bool any = false;
  for (placement::Assignment& one : assignments) {
    for (const BrokerId id : one.replicas) add(id, "");  // its key is damaged: it joins anew
    const auto waits = waiting.find(one.id);
    if (waits == waiting.end() &&
        std::ranges::none_of(one.replicas, [&](BrokerId id) { return leaving.contains(id); }))
      continue;
    any = any || has_taker(takers, one.replicas);
    concerned.emplace(one.id, one.replicas);
    // What is on its way to a broker that stays dead is nowhere.
    if (waits == waiting.end()) continue;
    for (BrokerId& id : one.replicas) {
      if (std::ranges::find(waits->second, id) != waits->second.end()) id = kNoBroker;
    }
  }
  if (!any) return {};
  // Where nobody can take a replica it stays, also that of a broker which is removed: fewer replicas are an order of their own.
  std::vector<placement::Move> moves = placement::rebalance(assignments, before, after);
  std::erase_if(moves, [&](placement::Move& move) {
    const auto from = concerned.find(move.id);
    if (from == concerned.end()) return true;
    move.before = from->second;
    if (const auto waits = waiting.find(move.id); waits != waiting.end()) {
      auto next = waits->second.begin();
      for (BrokerId& id : move.after) {
        if (id == kNoBroker) id = *next++;
      }
    }
    return move.before == move.after;
  });
  return moves;
}

Changed<std::vector<kafka::ClusterCommandResponse::Move>> ControllerImpl::rebalance(
    Draft& draft, bool dry_run, const std::string& trigger) {
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
    note(EventKind::rebalance_planned,
         {.about = std::to_string(moves.size()) + " partitions move to even the load out",
          .change = describe_loads(draft.image(), moves),
          .why = trigger});
    planned_.clear();
    for (placement::Move& move : moves)
      planned_.push_back({std::move(move), "to even the load out, " + trigger});
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
  note(EventKind::features_upgraded,
       {.about = "feature level",
        .change = from_to(std::to_string(present), std::to_string(level)),
        .why = "as ordered: builds that do not work at it are refused from now on"});
  draft.put_feature_level(static_cast<int16_t>(level));
  return {};
}

Changed<void> ControllerImpl::throttle(Draft& draft, int64_t bytes_per_second) {
  if (bytes_per_second < -1) return refuse(ErrorCode::invalid_request, "a rate is not negative");
  const auto found = draft.image().broker_configs.find(kNoBroker);
  const ConfigMap before = found == draft.image().broker_configs.end() ? ConfigMap{} : found->second;
  ConfigMap config = before;
  for (const std::string_view name : kThrottles) {
    if (bytes_per_second == -1) {
      config.erase(std::string(name));
    } else {
      config[std::string(name)] = std::to_string(bytes_per_second == 0 ? INT64_MAX : bytes_per_second);
    }
  }
  if (config == before) return {};
  note(EventKind::replication_throttled,
       {.about = "bound on moving replicas, for all brokers",
        .change = from_to(describe_throttle(before), describe_throttle(config)),
        .why = "as ordered"});
  draft.put_broker_config(kNoBroker, std::move(config));
  return {};
}

}  // namespace godwit::cluster
