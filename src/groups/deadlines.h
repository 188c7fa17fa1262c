// The timers of a group manager: one deadline for each key, in the order of their time. Equal times come in
// the order of their keys, so that the same events always give the same outcome.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/time.h"

namespace godwit::groups {

enum class TimerKind : uint8_t {
  write,    // who waits for a batch has waited long enough
  session,  // a member, or an id handed out, has been silent for its session timeout
  join,     // the members of a group had their time to join
  sync,     // they had their time to take their assignment
  cleanup,  // look for what has expired
};

struct TimerKey {
  TimerKind kind;
  uint64_t group = 0;   // Group::serial; for write the sequence
  uint64_t member = 0;  // Member::serial
  friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
};

class Deadlines {
 public:
  // Sets or moves the deadline of `key`.
  void set(const TimerKey& key, MonotonicTime when);
  void cancel(const TimerKey& key);
  std::optional<MonotonicTime> earliest() const;
  // Takes the earliest timer out, if its time has come.
  std::optional<TimerKey> take_due(MonotonicTime now);
  // Takes that one out, if its time has come.
  bool take_if_due(const TimerKey& key, MonotonicTime now);
  // Moves what waits for clients (sessions, joins, syncs) on by `by`.
  void give_clients(Duration by);
  void clear();
  size_t size() const { return when_.size(); }

 private:
  std::map<TimerKey, MonotonicTime> when_;
  std::set<std::pair<MonotonicTime, TimerKey>> order_;
};

}  // namespace godwit::groups
