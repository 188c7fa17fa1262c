// The pending timers of a shard: a binary heap by time, then by order of starting. A timer knows its place in
// it, so that stopping one is O(log n) and nothing is allocated for a start once the heap has grown.
#pragma once

#include <vector>

#include "runtime/shard.h"

namespace godwit::runtime::real {

class TimerHeap {
 public:
  bool empty() const { return entries_.empty(); }
  // Requires !empty().
  MonotonicTime earliest() const { return entries_.front().when; }

  void add(Timer& timer, MonotonicTime when);
  void remove(Timer& timer);
  // Takes the first timer out when it is due at `now` and was started before the mark; else null.
  Timer* take_due(MonotonicTime now, uint64_t started_before);
  // A mark: timers started later have a higher sequence.
  uint64_t next_sequence() const { return next_sequence_; }

 private:
  struct Entry {
    MonotonicTime when;
    uint64_t sequence;
    Timer* timer;
    bool before(const Entry& other) const {
      return when != other.when ? when < other.when : sequence < other.sequence;
    }
  };
  void put(size_t place, Entry entry);
  void sift_up(size_t place, Entry entry);
  void sift_down(size_t place, Entry entry);

  std::vector<Entry> entries_;
  uint64_t next_sequence_ = 0;
};

}  // namespace godwit::runtime::real
