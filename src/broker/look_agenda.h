// When the leaders of a shard are to be looked at without an event: a replica may lag by then, or be awaited no longer. Idle
// partitions cost nothing between. Belongs to its shard.
//
//   agenda.look_by(id, partition.look_mark, due);                   // after each look
//   while (auto entry = agenda.take_due(now)) all.push_back(*entry);  // first all: a look may say a time that has passed already
//   for (const auto& entry : all) …                                 // find it; if LookAgenda::counts(entry, its mark), look,
//                                                                   // say when next
#pragma once

#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "base/time.h"
#include "model/topic.h"

namespace godwit::broker {

class LookAgenda {
 public:
  // By when one is to be looked at, as far as the agenda knows. Each partition keeps its own.
  class Mark {
   private:
    friend class LookAgenda;
    MonotonicTime by_ = MonotonicTime::max();
  };

  // It will be taken at `due` or before: what was said earlier counts on where that is sooner, since who looks too soon looks
  // again. MonotonicTime::max(): only an event leads to it again.
  void look_by(const TopicPartition& id, Mark& mark, MonotonicTime due) {
    if (due >= mark.by_) return;
    mark.by_ = due;
    entries_.push({due, id});
  }

  struct Entry {
    MonotonicTime due;
    TopicPartition id;
    bool operator>(const Entry& other) const { return due > other.due; }
  };
  // What is due, if any, the soonest first. It may be gone by now.
  std::optional<Entry> take_due(MonotonicTime now) {
    if (entries_.empty() || entries_.top().due > now) return std::nullopt;
    const Entry entry = entries_.top();
    entries_.pop();
    return entry;
  }
  // Whether it is still to be looked at: not where a sooner time was said since, and came. From now on any time counts.
  static bool counts(const Entry& entry, Mark& mark) {
    if (mark.by_ != entry.due) return false;
    mark.by_ = MonotonicTime::max();
    return true;
  }

 private:
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> entries_;
};

}  // namespace godwit::broker
