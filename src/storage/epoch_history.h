// Which leader epoch began at which offset (KIP-101, KIP-279): pure state of a log.
#pragma once

#include <optional>
#include <vector>

#include "model/epoch.h"
#include "model/offset.h"

namespace godwit::storage {

struct EpochStart {
  LeaderEpoch epoch;
  Offset start;  // the first offset that was (or will be) written in this epoch
  friend bool operator==(const EpochStart&, const EpochStart&) = default;
  static void fields(auto& f) {
    f("epoch", &EpochStart::epoch);
    f("start", &EpochStart::start);
  }
};

class EpochHistory {
 public:
  EpochHistory() = default;
  explicit EpochHistory(std::vector<EpochStart> starts);

  // The epoch begins at `start`. Epochs never fall; entries at or behind `start` that hold no record are
  // replaced. False when nothing changed (the epoch is the latest already).
  bool begin(LeaderEpoch epoch, Offset start);
  // Forgets what lies at or behind `end` (truncation).
  void truncate(Offset end);
  // Forgets epochs that ended before `start` (retention); the one that holds `start` begins there.
  void drop_before(Offset start);

  std::optional<LeaderEpoch> latest() const;
  struct End {
    LeaderEpoch epoch;
    Offset end;
  };
  // The largest epoch <= `asked` and the offset at which it ended (log_end for the latest):
  // OffsetForLeaderEpoch's answer. Empty: unknown (epoch -1, offset -1 on the wire), as when `asked` is newer
  // than all or older than the first.
  std::optional<End> end_of(LeaderEpoch asked, Offset log_end) const;
  // The epoch of the record at `offset`; empty before the first.
  std::optional<LeaderEpoch> epoch_at(Offset offset) const;
  const std::vector<EpochStart>& starts() const { return starts_; }

 private:
  std::vector<EpochStart> starts_;
};

}  // namespace godwit::storage
