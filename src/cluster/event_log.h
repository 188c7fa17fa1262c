// What controllers decided, in the order in which they did: for people, now (diagnostics) and later (`godwit cluster events`).
// The newest thousand are kept. Pure but for the sink.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "cluster/draft.h"
#include "coordination/coordination.h"
#include "kafka/messages/cluster_command.h"

namespace godwit::cluster {

class EventLog {
 public:
  using Event = kafka::ClusterCommandResponse::Event;
  static constexpr size_t kKept = 1000;

  EventLog(BrokerId controller, DiagnosticSink& diagnostics)
      : controller_(controller), diagnostics_(diagnostics) {}

  // From what stands in the store, in the order of the keys. What does not decode is skipped and told: events are no state.
  void load(const std::vector<coordination::KeyValue>& entries);
  // Noted, and told by tell() only.
  void note(Severity severity, std::string what, std::string detail, WallTime now);
  // Adds what was noted since the last call to the draft, and takes what is too old out of the store.
  void flush(Draft& draft);
  bool dirty() const { return unwritten_ != 0; }
  // What was noted has happened: it stands in the store. What never does is never told.
  void tell();
  // The newest `count` that were told, oldest first.
  std::vector<Event> newest(size_t count) const;

 private:
  BrokerId controller_;
  DiagnosticSink& diagnostics_;
  std::deque<Event> events_;
  size_t unwritten_ = 0;            // at the end of `events_`
  std::vector<Diagnostic> untold_;  // as many at the end of `events_`
  int64_t next_ = 1;
  std::deque<int64_t> keys_;  // the first number of each entry in the store
};

// "orders-3: leader 1 -> 2, epoch 3 -> 4, isr [1,2,3] -> [2,3]"
std::string describe_change(const Image& image, const TopicPartition& id, const PartitionState& before,
                            const PartitionState& after);

// Changes of many partitions for one reason: the first few are described, the rest counted.
class ChangeList {
 public:
  void add(const Image& image, const TopicPartition& id, const PartitionState& before,
           const PartitionState& after);
  size_t count() const { return count_; }
  std::string describe() const;

 private:
  size_t count_ = 0;
  std::string text_;
};

}  // namespace godwit::cluster
