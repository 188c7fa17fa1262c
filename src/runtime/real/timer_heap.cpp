#include "runtime/real/timer_heap.h"

namespace godwit::runtime::real {

void TimerHeap::put(size_t place, Entry entry) {
  entry.timer->place = place;
  entries_[place] = entry;
}

void TimerHeap::sift_up(size_t place, Entry entry) {
  while (place > 0) {
    const size_t parent = (place - 1) / 2;
    if (!entry.before(entries_[parent])) break;
    put(place, entries_[parent]);
    place = parent;
  }
  put(place, entry);
}

void TimerHeap::sift_down(size_t place, Entry entry) {
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= entries_.size()) break;
    if (child + 1 < entries_.size() && entries_[child + 1].before(entries_[child])) ++child;
    if (!entries_[child].before(entry)) break;
    put(place, entries_[child]);
    place = child;
  }
  put(place, entry);
}

void TimerHeap::add(Timer& timer, MonotonicTime when) {
  timer.sequence = next_sequence_++;
  const Entry entry{when, timer.sequence, &timer};
  entries_.push_back(entry);
  sift_up(entries_.size() - 1, entry);
}

void TimerHeap::remove(Timer& timer) {
  const size_t place = timer.place;
  GW_CHECK(place < entries_.size() && entries_[place].timer == &timer, "a pending timer stands in its heap");
  const Entry last = entries_.back();
  entries_.pop_back();
  if (place == entries_.size()) return;
  if (place > 0 && last.before(entries_[(place - 1) / 2])) {
    sift_up(place, last);
  } else {
    sift_down(place, last);
  }
}

Timer* TimerHeap::take_due(MonotonicTime now, uint64_t started_before) {
  if (entries_.empty()) return nullptr;
  const Entry first = entries_.front();
  if (first.when > now || first.sequence >= started_before) return nullptr;
  remove(*first.timer);
  return first.timer;
}

}  // namespace godwit::runtime::real
