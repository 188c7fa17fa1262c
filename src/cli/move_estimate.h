// How far the copying of replicas is, and how long it will take: looked at again and again, it learns how fast that goes. Pure.
//
//   MoveEstimate estimate;
//   estimate.look(now, tally);   // at least twice
//   estimate.text()              // "3 partitions move, 12 wait: 1.2 GiB of 4.0 GiB copied, 50.0 MiB/s, about 58s left"
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/time.h"

namespace godwit::cli {

struct MoveTally {
  int64_t moving = 0;   // partitions with a reassignment under way
  int64_t planned = 0;  // that have not begun
  // Of the copies that those make: how large they will be, as the largest replica is now, and what of that is there.
  int64_t bytes_total = 0;
  int64_t bytes_copied = 0;

  bool idle() const { return moving == 0 && planned == 0; }
  int64_t bytes_left() const { return bytes_total > bytes_copied ? bytes_total - bytes_copied : 0; }
};

class MoveEstimate {
 public:
  void look(MonotonicTime now, const MoveTally& tally);
  const MoveTally& tally() const { return tally_; }
  // By how much less was left each second, lately; what is published meanwhile counts against it. Empty: not known yet, or it
  // did not get less.
  std::optional<double> bytes_per_second() const;
  std::optional<Duration> time_left() const;
  std::string text() const;

 private:
  struct Look {
    MonotonicTime at;
    int64_t left = 0;
  };
  MoveTally tally_;
  std::deque<Look> looks_;  // of the last seconds
};

// "1.5 GiB", "12 bytes".
std::string print_bytes(int64_t bytes);
// "2h5m", "58s": rounded to what matters.
std::string print_rough(Duration time);

}  // namespace godwit::cli
