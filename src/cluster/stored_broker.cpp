#include "cluster/stored_broker.h"

#include <charconv>

#include "codec/define.h"

GODWIT_STORED_CODEC(godwit::cluster::StoredBroker);
GODWIT_STORED_CODEC(godwit::cluster::StoredOffice);

namespace godwit::cluster {
namespace keys {

std::string broker(BrokerId id) {
  return std::string(kBrokers) + to_string(id);
}

}  // namespace keys

StoredBroker to_stored(const BrokerInfo& info, const Uuid& storage_id, const Uuid& lease) {
  StoredBroker stored;
  stored.incarnation = static_cast<int64_t>(info.incarnation);
  stored.storage_id = storage_id;
  stored.lease = lease;
  stored.rack = info.rack;
  stored.features_first = info.features.first;
  stored.features_last = info.features.last;
  for (const auto& [name, endpoint] : info.listeners)
    stored.listeners.push_back({name, endpoint.host, endpoint.port});
  return stored;
}

Result<Registered> to_registered(const coordination::KeyValue& entry) {
  int32_t id = -1;
  const std::string_view digits = std::string_view(entry.key).substr(keys::kBrokers.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc{} || end != digits.data() + digits.size() || id < 0) {
    return fail(ErrorKind::corrupt, "coordination key " + entry.key + " does not end in a broker id");
  }
  auto stored = stored_value<StoredBroker>(entry);
  if (!stored) return fail(stored.error());
  Registered registered;
  registered.info.id = BrokerId(id);
  registered.info.incarnation = static_cast<uint64_t>(stored->incarnation);
  registered.info.rack = stored->rack;
  registered.info.features = {stored->features_first, stored->features_last};
  for (const auto& listener : stored->listeners) {
    if (listener.port < 0 || listener.port > UINT16_MAX)
      return fail(ErrorKind::corrupt, "coordination key " + entry.key + " names an impossible port");
    registered.info.listeners[listener.name] = {listener.host, static_cast<uint16_t>(listener.port)};
  }
  registered.storage_id = stored->storage_id;
  registered.lease = stored->lease;
  registered.version = entry.version;
  return registered;
}

Result<Holder> to_holder(const coordination::KeyValue& entry) {
  auto stored = stored_value<StoredOffice>(entry);
  if (!stored) return fail(stored.error());
  if (stored->port < 0 || stored->port > UINT16_MAX)
    return fail(ErrorKind::corrupt, "coordination key " + entry.key + " names an impossible port");
  return Holder{stored->broker, static_cast<uint64_t>(stored->incarnation),          stored->fence,
                stored->lease,  {stored->host, static_cast<uint16_t>(stored->port)}, entry.version};
}

runtime::Endpoint address_of(const BrokerInfo& info, const std::string& listener) {
  const auto found = info.listeners.find(listener);
  return found == info.listeners.end() ? runtime::Endpoint{} : found->second;
}

}  // namespace godwit::cluster
