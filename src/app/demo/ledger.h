// Numbered messages: which were sent, acknowledged and received, and what that proves of the brokers. Pure.
//
//   const uint64_t number = ledger.send(lane);      // 0, 1, 2, … in each lane
//   ledger.acknowledged(lane, number);  ledger.received(lane, number);
//   ledger.counts().missing                          // must be 0
//
// A lane is a partition: what is written to it one after the other is to be read in that order, and once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace godwit::app::demo {

class Ledger {
 public:
  struct Counts {
    uint64_t sent = 0;
    uint64_t acknowledged = 0;
    uint64_t failed = 0;        // given up without an acknowledgement: stored or not, nobody promised
    uint64_t received = 0;      // each counted once
    uint64_t missing = 0;       // acknowledged, and the reader is past its place
    uint64_t out_of_order = 0;  // received after a later one of its lane
    uint64_t repeated = 0;      // received before
    friend bool operator==(const Counts&, const Counts&) = default;
  };

  explicit Ledger(size_t lanes) : lanes_(lanes) {}

  // The number of the next message of `lane`.
  uint64_t send(size_t lane);
  // How sending ended, once for each.
  void acknowledged(size_t lane, uint64_t number);
  void failed(size_t lane, uint64_t number);
  // Numbers that were never sent are passed over.
  void received(size_t lane, uint64_t number);

  const Counts& counts() const { return counts_; }
  // Neither acknowledged nor failed yet.
  uint64_t under_way() const { return counts_.sent - counts_.acknowledged - counts_.failed; }
  // Acknowledged and not received yet: when nothing more comes, these are missing.
  uint64_t awaited() const { return awaited_; }

 private:
  struct Lane {
    uint64_t first = 0;          // the number of states[0]; all before it are settled
    std::deque<uint8_t> states;  // a set of State for each
    uint64_t read_up_to = 0;     // one past the highest number that was received
  };
  void settle(Lane& lane);

  std::vector<Lane> lanes_;
  Counts counts_;
  uint64_t awaited_ = 0;
};

}  // namespace godwit::app::demo
