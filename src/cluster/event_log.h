// What controllers decided, in the order in which they did: for people, now (diagnostics) and later (`godwit cluster events`).
//
// Events are kept by weight, the newest of each, in bounds of their own: what comes often does not push out what matters later.
//
//   grave    severities warning and error: deaths, losses, unclean elections
//   routine  elections, moves, orders, topics
//   chatter  isr.changed, of which one slow disk makes as many as it likes
//
// The store has them in entries: events of one weight that follow one another, which go together. Pure but for the sink.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "cluster/change_list.h"
#include "cluster/draft.h"
#include "cluster/event_kind.h"
#include "coordination/coordination.h"
#include "kafka/messages/cluster_command.h"

namespace godwit::cluster {

class EventLog {
 public:
  using Event = kafka::ClusterCommandResponse::Event;
  // Of each weight, at most: events, and bytes of their text. A list of changes alone never comes near that.
  static constexpr size_t kKept = 1000;
  static constexpr size_t kBytesKept = 1'500'000;
  static constexpr size_t kDetailMax = 8'000;  // characters of one event
  static_assert(ChangeList::kBytesMax < kBytesKept);
  static_assert(ChangeList::kPartMax < kDetailMax);

  EventLog(BrokerId controller, DiagnosticSink& diagnostics)
      : controller_(controller), diagnostics_(diagnostics) {}

  // From what stands in the store, in the order of the keys. What does not decode is skipped and told: events are no state.
  void load(const std::vector<coordination::KeyValue>& entries);
  // Noted, and told by tell() only.
  void note(EventKind kind, const Decision& decision, WallTime now);
  // The same for what changed many partitions: as many events as it takes to name them all, each with the reason. The diagnostic
  // names the first few.
  void note(EventKind kind, const std::string& why, const ChangeList& changes, WallTime now);
  // Adds what was noted since the last call to the draft, and takes what is too old out of the store.
  void flush(Draft& draft);
  bool dirty() const { return !noted_.empty(); }
  // What was noted has happened: it stands in the store. What never does is never told.
  void tell();
  // The newest `count` that were told, oldest first.
  std::vector<Event> newest(size_t count) const;
  // Who noted the newest event that stood in the store; kNoBroker: there was none.
  BrokerId controller_before() const { return controller_before_; }

 private:
  enum class Weight { chatter, routine, grave };
  struct Entry {
    Weight weight = Weight::routine;
    size_t bytes = 0;
    std::vector<Event> events;
  };
  struct Noted {
    Severity severity;
    Event event;
  };
  struct Kept {
    std::deque<int64_t> entries;  // oldest first
    size_t events = 0;
    size_t bytes = 0;
  };
  static Weight weight_of(Severity severity, const std::string& what);
  static size_t size_of(const Event& event);
  void add(EventKind kind, std::string detail, WallTime now);
  void keep(Entry entry);
  // Forgets what is beyond the bounds. Entries from number `unwritten` on are not in the store.
  void drop_old(int64_t unwritten);

  BrokerId controller_;
  BrokerId controller_before_ = kNoBroker;
  DiagnosticSink& diagnostics_;
  std::map<int64_t, Entry> entries_;  // by the number of their first event
  std::array<Kept, 3> kept_;          // by weight
  std::vector<Noted> noted_;          // and not in an entry yet
  std::vector<Diagnostic> untold_;
  int64_t next_ = 1;
  int64_t told_ = 1;          // what comes before this number was told
  std::deque<int64_t> gone_;  // entries that are to be taken out of the store
};

}  // namespace godwit::cluster
