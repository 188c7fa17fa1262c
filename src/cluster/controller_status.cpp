// What an operator is told of the cluster: `godwit cluster status`.
#include <algorithm>

#include "cluster/controller_impl.h"

namespace godwit::cluster {
namespace {

constexpr size_t kMovesListed = 10'000;
constexpr size_t kWaitsNamed = 1000;

bool contains(const std::vector<BrokerId>& ids, BrokerId id) {
  return std::ranges::find(ids, id) != ids.end();
}

}  // namespace

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
      line.state = broker.registered > broker.died ? "joining" : broker.removing ? "removing" : "dead";
    } else if (broker.info.draining) {
      line.state = line.replicas == 0 ? "drained" : "draining";
    } else if (id != options_.self && (!contact || now() - *contact > options_.session_timeout)) {
      line.state = "silent";
    } else {
      line.state = "live";
    }
    response.brokers.push_back(std::move(line));
  }
  for (const auto& [move, why] : planned_) {
    if (response.moves.size() == kMovesListed) break;
    const Topic* const topic = now_is->find(move.id.topic);
    if (topic != nullptr) response.moves.push_back({topic->name, move.id.partition, move.before, move.after});
  }
  for (const auto& [id, name] : aside_) response.aside.push_back(name.empty() ? to_string(id) : name);
  response.waits = waits(*now_is);
  return response;
}

// Why replicas stay on brokers that are to have none, where it is not for the time that copying takes.
std::vector<kafka::ClusterCommandResponse::Wait> ControllerImpl::waits(const Image& image) const {
  const std::set<BrokerId> leaving = this->leaving();
  std::map<std::pair<BrokerId, std::string_view>, Response::Wait> found;
  const std::vector<placement::Broker> takers = usable();
  for (const auto& [name, topic] : image.topics()) {
    for (size_t i = 0; i < topic->partitions.size() && !leaving.empty(); ++i) {
      const PartitionState& state = topic->partitions[i];
      const bool stuck = !has_taker(takers, settled(state));
      const bool target_dead = std::ranges::any_of(state.adding, [&](BrokerId id) {
        const Fleet::Broker* const broker = fleet_.find(id);
        return !contains(state.isr, id) && (broker == nullptr || !broker->alive());
      });
      for (const BrokerId id : state.replicas) {
        if (!leaving.contains(id)) continue;
        const bool goes = contains(state.removing, id);
        const std::string_view needs = !goes && stuck                      ? Response::Wait::kBroker
                                       : goes && state.leader == kNoBroker ? Response::Wait::kLeader
                                       : goes && target_dead && stuck      ? Response::Wait::kTarget
                                                                           : "";
        if (needs.empty()) continue;
        Response::Wait& wait = found[{id, needs}];
        wait.broker = id;
        wait.needs = needs;
        ++wait.partitions;
        if (wait.named.size() < kWaitsNamed) wait.named.push_back(name + "-" + std::to_string(i));
      }
    }
  }
  std::vector<Response::Wait> all;
  for (auto& [key, wait] : found) all.push_back(std::move(wait));
  return all;
}

std::set<BrokerId> ControllerImpl::leaving() const {
  std::set<BrokerId> leaving;
  for (const auto& [id, broker] : fleet_.brokers()) {
    if (broker.info.draining || broker.removing) leaving.insert(id);
  }
  return leaving;
}

bool ControllerImpl::has_taker(const std::vector<placement::Broker>& takers,
                               const std::vector<BrokerId>& replicas) {
  return std::ranges::any_of(takers,
                             [&](const placement::Broker& broker) { return !contains(replicas, broker.id); });
}

}  // namespace godwit::cluster
