#include "cluster/fleet.h"

#include <algorithm>

namespace godwit::cluster {
namespace {

constexpr Duration kHour = std::chrono::hours(1);
constexpr size_t kDoublingsMax = 8;
constexpr size_t kFailuresKept = 16;

void count(Fleet::Broker& broker, MonotonicTime now) {
  std::erase_if(broker.failures, [&](MonotonicTime at) { return now - at > kHour; });
  if (broker.failures.size() >= kFailuresKept) broker.failures.erase(broker.failures.begin());
  broker.failures.push_back(now);
}

}  // namespace

void Fleet::load(BrokerId id, const StoredJoined& stored, MonotonicTime now, WallTime wall_now) {
  Broker& broker = brokers_[id];
  broker.info.id = id;
  broker.info.incarnation = static_cast<uint64_t>(stored.incarnation);
  broker.info.rack = stored.rack;
  broker.info.draining = stored.draining;
  broker.info.features = {stored.features_first, stored.features_last};
  for (const auto& listener : stored.listeners) {
    broker.info.listeners[listener.name] = {listener.host, static_cast<uint16_t>(listener.port)};
  }
  broker.joined = static_cast<uint64_t>(stored.incarnation);
  broker.stored = true;
  broker.emptied = stored.emptied;
  broker.storage_id = stored.storage_id;
  broker.doubts = stored.doubts;
  broker.removing = stored.removing;
  broker.steady_since = now;
  broker.untold = broker.alive();
  for (const int64_t at_ms : stored.failures_ms) {
    // By another machine's clock, perhaps; and it may have been set since.
    if (at_ms < (wall_now + -kHour).ms || broker.failures.size() == kFailuresKept) continue;
    broker.failures.push_back(now - std::chrono::milliseconds(wall_now.ms - std::min(at_ms, wall_now.ms)));
  }
}

StoredJoined Fleet::stored(BrokerId id, MonotonicTime now, WallTime wall_now) const {
  const Broker& broker = brokers_.at(id);
  StoredJoined stored;
  stored.incarnation = static_cast<int64_t>(broker.joined);
  stored.draining = broker.info.draining;
  stored.removing = broker.removing;
  stored.emptied = broker.emptied;
  stored.storage_id = broker.storage_id;
  stored.doubts = broker.doubts;
  for (const MonotonicTime at : broker.failures) {
    if (now - at <= kHour) stored.failures_ms.push_back((wall_now + -(now - at)).ms);
  }
  stored.rack = broker.info.rack;
  stored.features_first = broker.info.features.first;
  stored.features_last = broker.info.features.last;
  for (const auto& [name, at] : broker.info.listeners) stored.listeners.push_back({name, at.host, at.port});
  return stored;
}

bool Fleet::over(BrokerId id, uint64_t incarnation) const {
  const Broker* const broker = find(id);
  if (broker == nullptr || broker->joined == incarnation) return false;
  return incarnation <= broker->died || incarnation < broker->joined || incarnation < broker->registered;
}

Fleet::Broker& Fleet::registered(const BrokerInfo& info) {
  Broker& broker = brokers_[info.id];
  const bool draining = broker.info.draining;  // an order of ours, not the broker's
  broker.info = info;
  broker.info.draining = draining;
  broker.registered = info.incarnation;
  return broker;
}

void Fleet::joined(BrokerId id, const Uuid& storage_id, bool emptied, bool can_append, MonotonicTime now) {
  Broker& broker = brokers_.at(id);
  broker.joined = broker.info.incarnation;
  broker.stored = true;
  broker.emptied = emptied;
  broker.storage_id = storage_id;
  broker.can_append = can_append;
  broker.leaving = false;
  broker.unheard = false;
  broker.removing = false;
  broker.untold = false;
  broker.steady_since = now;
}

void Fleet::died(BrokerId id, MonotonicTime now) {
  Broker& broker = brokers_.at(id);
  broker.died = std::max(broker.died, broker.joined);
  broker.joined = 0;
  broker.dead_since = now;
  broker.untold = false;
  broker.leaving = false;
  broker.unheard = false;
  broker.can_append = true;
  if (!std::exchange(broker.failing, false)) count(broker, now);
}

void Fleet::failed(BrokerId id, MonotonicTime now) {
  Broker& broker = brokers_.at(id);
  if (!std::exchange(broker.failing, true)) count(broker, now);
}

void Fleet::recovered(BrokerId id, MonotonicTime now) {
  Broker& broker = brokers_.at(id);
  broker.steady_since = now;
  broker.failing = broker.unheard || !broker.can_append;
}

Eligible Fleet::eligible() const {
  Eligible eligible;
  for (const auto& [id, broker] : brokers_) {
    if (!broker.alive()) continue;
    eligible.live[id] = broker.joined;
    if (!broker.may_lead()) eligible.not_to_lead.insert(id);
    if (broker.leaving) eligible.leaving.insert(id);
    if (broker.unheard) eligible.unheard.insert(id);
  }
  return eligible;
}

BrokerInfo Fleet::shown(BrokerId id) const {
  const Broker& broker = brokers_.at(id);
  BrokerInfo info = broker.info;
  info.incarnation = broker.joined;
  return info;
}

MonotonicTime Fleet::trusted_from(BrokerId id, Duration after, MonotonicTime now) const {
  const Broker& broker = brokers_.at(id);
  const auto failures = static_cast<size_t>(std::count_if(
      broker.failures.begin(), broker.failures.end(), [&](MonotonicTime at) { return now - at <= kHour; }));
  const size_t doublings = std::min(kDoublingsMax, failures > 0 ? failures - 1 : 0);
  return broker.steady_since + after * (int64_t{1} << doublings);
}

std::string state_of(const Fleet::Broker& broker) {
  std::string words;
  const auto add = [&](bool holds, std::string_view word) {
    if (!holds) return;
    if (!words.empty()) words += " and ";
    words += word;
  };
  add(!broker.stored, "new");
  add(broker.stored && !broker.alive(), broker.removing ? "removing" : "dead");
  add(broker.info.draining, "draining");
  add(broker.leaving, "leaving");
  add(broker.unheard, "unheard");
  add(!broker.can_append, "cannot append");
  return words.empty() ? "live" : words;
}

}  // namespace godwit::cluster
