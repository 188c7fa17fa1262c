// A language for scenarios of one leader on virtual time.
//
//   Leadership led({.replicas = {1, 2, 3}, .isr = {1, 2, 3}, .min_insync = 2});   // broker 1 leads
//   led.writes(10).syncs();
//   led.fetches(2, 10);
//   EXPECT_EQ(led.hw(), 10);
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "replication/leader_replica.h"

namespace godwit::replication::test {

using namespace std::chrono_literals;

constexpr LeaderEpoch kEpoch{5};

inline std::vector<BrokerId> ids(const std::vector<int>& numbers) {
  std::vector<BrokerId> all;
  for (const int number : numbers) all.emplace_back(number);
  return all;
}

struct Begin {
  std::vector<int> replicas{1, 2, 3};
  std::vector<int> isr{1, 2, 3};
  int min_insync = 2;
  int64_t end = 0;
  int64_t synced = -1;  // -1: all
  int64_t high_watermark = 0;
  const Contacts* contacts = nullptr;
};

class Leadership {
 public:
  explicit Leadership(const Begin& begin = {})
      : leader({.self = BrokerId(1),
                .epoch = kEpoch,
                .version = 1,
                .replicas = ids(begin.replicas),
                .isr = ids(begin.isr),
                .min_insync = begin.min_insync,
                .lag_max = 3s,
                .epoch_start = Offset(begin.end),
                .end = Offset(begin.end),
                .synced = Offset(begin.synced < 0 ? begin.end : begin.synced),
                .high_watermark = Offset(begin.high_watermark),
                .now = now,
                .contacts = begin.contacts}),
        replicas_(ids(begin.replicas)),
        end_(begin.end),
        synced_(begin.synced < 0 ? begin.end : begin.synced) {
    for (const int id : begin.replicas) incarnations_[id] = 10;
    all_live();
  }

  Leadership& writes(int64_t records) {
    end_ += records;
    leader.own_progress(Offset(end_), Offset(synced_));
    return *this;
  }
  Leadership& syncs() {
    synced_ = end_;
    leader.own_progress(Offset(end_), Offset(synced_));
    return *this;
  }
  FetchOutcome fetches(int broker, int64_t offset) {
    return leader.on_fetch({BrokerId(broker), incarnations_[broker], kEpoch, Offset(offset)}, now);
  }
  Leadership& restarts(int broker) {
    ++incarnations_[broker];
    return *this;
  }
  Leadership& all_live() {
    std::vector<LiveBroker> live;
    for (const auto& [id, incarnation] : incarnations_) live.push_back({BrokerId(id), incarnation});
    leader.set_live(live);
    return *this;
  }
  Leadership& passes(Duration time) {
    now += time;
    return *this;
  }
  Leadership& committed(int64_t version, const std::vector<int>& isr) {
    EXPECT_TRUE(leader.on_committed(version, replicas_, ids(isr), now));
    return *this;
  }
  // The ids of the proposal that it makes now; empty: none.
  std::vector<int> proposes() {
    proposal = leader.take_proposal(now);
    std::vector<int> members;
    if (proposal) {
      for (const IsrMember& member : proposal->isr) members.push_back(member.id.value());
    }
    return members;
  }
  Leadership& answered(IsrOutcome outcome) {
    leader.on_answer(proposal->id, outcome, now);
    return *this;
  }
  int64_t hw() const { return leader.high_watermark().value(); }
  std::vector<int> isr() const {
    std::vector<int> members;
    for (const BrokerId id : leader.isr()) members.push_back(id.value());
    return members;
  }

  MonotonicTime now{1h};
  LeaderReplica leader;
  std::optional<IsrProposal> proposal;

 private:
  std::vector<BrokerId> replicas_;
  std::map<int, uint64_t> incarnations_;
  int64_t end_;
  int64_t synced_;
};

using Ids = std::vector<int>;

}  // namespace godwit::replication::test
