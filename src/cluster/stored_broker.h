// What stands in the coordination store of brokers themselves: registrations, the office of controller, its fence
// (docs/formats/coordination.md). Pure.
#pragma once

#include <string>
#include <vector>

#include "cluster/image.h"
#include "cluster/stored.h"
#include "coordination/coordination.h"

namespace godwit::cluster {

// A registration; vanishes with its broker's lease.
struct StoredBroker {
  static constexpr codec::Format kFormat{.name = "StoredBroker", .versions = {0, 0}, .flexible_since = 0};

  struct Listener {
    std::string name;
    std::string host;
    int32_t port = 0;
    static void fields(auto& f) {
      f("name", &Listener::name);
      f("host", &Listener::host);
      f("port", &Listener::port);
    }
    friend bool operator==(const Listener&, const Listener&) = default;
  };

  int64_t incarnation = 0;
  Uuid storage_id;
  // Names the lease that it hangs on: so a write whose outcome is unknown is found again (rule 19).
  Uuid lease;
  std::string rack;
  std::vector<Listener> listeners;
  // The levels at which its build works (rule 23).
  int16_t features_first = kFirstLevel;
  int16_t features_last = kFirstLevel;
  static void fields(auto& f) {
    f("incarnation", &StoredBroker::incarnation);
    f("storage_id", &StoredBroker::storage_id);
    f("lease", &StoredBroker::lease);
    f("rack", &StoredBroker::rack);
    f("listeners", &StoredBroker::listeners);
    f("features_first", &StoredBroker::features_first);
    f("features_last", &StoredBroker::features_last);
  }
  friend bool operator==(const StoredBroker&, const StoredBroker&) = default;
};

// Who holds the office; vanishes with that broker's lease.
struct StoredOffice {
  static constexpr codec::Format kFormat{.name = "StoredOffice", .versions = {0, 0}, .flexible_since = 0};
  BrokerId broker = kNoBroker;
  int64_t incarnation = 0;
  int64_t fence = 0;
  Uuid lease;
  // Where other brokers find it.
  std::string host;
  int32_t port = 0;
  static void fields(auto& f) {
    f("broker", &StoredOffice::broker);
    f("incarnation", &StoredOffice::incarnation);
    f("fence", &StoredOffice::fence);
    f("lease", &StoredOffice::lease);
    f("host", &StoredOffice::host);
    f("port", &StoredOffice::port);
  }
  friend bool operator==(const StoredOffice&, const StoredOffice&) = default;
};

namespace keys {

constexpr std::string_view kBrokers = "/brokers/";
constexpr std::string_view kController = "/controller";
constexpr std::string_view kFence = "/fence";  // a StoredCounter: the fence of the newest office

std::string broker(BrokerId id);

}  // namespace keys

// A registration as it was read.
struct Registered {
  BrokerInfo info;
  Uuid storage_id;
  Uuid lease;
  coordination::Version version = coordination::kAbsent;
  friend bool operator==(const Registered&, const Registered&) = default;
};

StoredBroker to_stored(const BrokerInfo& info, const Uuid& storage_id, const Uuid& lease);
// Error: corrupt (the key is named).
Result<Registered> to_registered(const coordination::KeyValue& entry);

// The office as it was read.
struct Holder {
  BrokerId id;
  uint64_t incarnation = 0;
  int64_t fence = 0;
  Uuid lease;
  runtime::Endpoint address;
  coordination::Version version = coordination::kAbsent;
  friend bool operator==(const Holder&, const Holder&) = default;
};
Result<Holder> to_holder(const coordination::KeyValue& entry);

// Its address on the listener that brokers use among themselves; empty host where it has none of that name.
runtime::Endpoint address_of(const BrokerInfo& info, const std::string& listener);

// Errors: corrupt, with the key's name.
template <class T>
Result<T> stored_value(const coordination::KeyValue& entry) {
  auto value = codec::decode_versioned<T>(SharedBytes::copy(entry.value));
  if (!value) return fail(ErrorKind::corrupt, "coordination key " + entry.key + ": " + value.error().message);
  return value;
}

}  // namespace godwit::cluster
