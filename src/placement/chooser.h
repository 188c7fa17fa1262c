// Picks brokers for one replica after the other, and counts what each has: the rules of placement.h in one place.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "placement/placement.h"
#include "placement/ring.h"

namespace godwit::placement {

class Chooser {
 public:
  // Brokers that may be picked, and what each broker has (also others, that hold replicas still).
  Chooser(std::span<const Broker> brokers, const Load& load);

  // Bounds for all that there will be: `replicas` and `leaders` in the whole cluster.
  void set_totals(int64_t replicas, int64_t leaders);

  // These brokers are picked first while they have less than `target` replicas: what leaves a broker goes to who comes.
  void prefer(std::span<const BrokerId> brokers, int64_t target);

  // How picks within a topic are spread besides; empty counts: not at all.
  struct Topic {
    int64_t replicas_max = 0;
    int64_t leaders_max = 0;
    std::unordered_map<BrokerId, BrokerLoad> load;
  };

  // The best broker for one more replica of a partition at `point` that has `chosen` already; empty when all have one.
  // `leads`: it will be the first of the replicas. Nothing is counted yet.
  std::optional<BrokerId> pick(uint64_t point, std::span<const BrokerId> chosen, bool leads,
                               const Topic* topic = nullptr);

  // How many of `others` are in the same rack.
  int rack_uses(BrokerId broker, std::span<const BrokerId> others) const;

  // Whether what the broker has stays there.
  bool keeps(BrokerId broker) const { return find(broker) != nullptr; }
  // The same, and it is no reserve (placement.h): pick() gives one of those only where nobody else is left.
  bool may_be_picked(BrokerId broker) const {
    const Candidate* const its = find(broker);
    return its != nullptr && its->reserve == 0;
  }
  BrokerLoad& load(BrokerId broker) { return load_[broker]; }
  int64_t replicas_bound() const { return replicas_bound_; }
  int64_t leaders_bound() const { return leaders_bound_; }
  size_t brokers() const { return candidates_.size(); }

 private:
  static constexpr int kOwnRack = -1;
  struct Candidate {
    BrokerId id;
    int rack = kOwnRack;  // a number for each name
    int reserve = 0;
    bool preferred = false;
    BrokerLoad* load = nullptr;  // in load_
  };

  const Candidate* find(BrokerId broker) const;
  void order_from(uint64_t point);

  Ring ring_;
  std::vector<Candidate> candidates_;  // in the order of their ids
  std::unordered_map<BrokerId, BrokerLoad> load_;
  int64_t replicas_bound_ = 0;
  int64_t leaders_bound_ = 0;
  int64_t preferred_target_ = 0;
  std::vector<const Candidate*> order_;  // on the ring from order_point_
  std::optional<uint64_t> order_point_;
  std::vector<BrokerId> order_ids_;
  std::vector<int> chosen_racks_;
};

}  // namespace godwit::placement
