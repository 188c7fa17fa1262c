// The kinds of events that controllers record, and what an event says: what was decided about whom, from which state to which, and
// why. Pure.
//
//   {.about = "broker 3", .change = from_to("live", "draining"), .why = "as ordered"}   // "broker 3: live -> draining (as ordered)"
//
// A new kind needs a row in kEventKinds (event_kind.cpp), one in docs/operations.md, and one in
// controller_event_kinds_test.cpp: tests hold the four together.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/diagnostic.h"

namespace godwit::cluster {

enum class EventKind : uint8_t {
  controller_elected,
  broker_joined,
  broker_dead,
  broker_leaving,
  broker_unheard,
  broker_heard,
  broker_cannot_append,
  broker_can_append,
  broker_draining,
  broker_resumed,
  broker_removing,
  broker_removed,
  broker_configured,
  leaders_moved,
  leaders_preferred,
  isr_changed,
  replicas_unproven,
  partitions_lost,
  partitions_contradicted,
  election_ordered,
  election_unclean,
  reassignment_begun,
  reassignment_finished,
  reassignment_cancelled,
  rebalance_planned,
  replication_throttled,
  features_upgraded,
  topic_created,
  topic_deleted,
  topic_enlarged,
  topic_configured,
  count,  // of those above: no kind
};

struct EventKindRow {
  EventKind kind;
  Severity severity;
  std::string_view name;  // stable, for machines
};

// All, in the order of the enumerators.
std::span<const EventKindRow> event_kinds();
const EventKindRow& row_of(EventKind kind);

// One decision. None of the three is empty; each is cut off where it is too long (EventLog), so that the others are still told.
struct Decision {
  std::string about;   // "broker 3, incarnation 12"
  std::string change;  // "live -> dead"
  std::string why;     // "its lease ended"
};

inline std::string from_to(std::string_view from, std::string_view to) {
  return std::string(from) + " -> " + std::string(to);
}

}  // namespace godwit::cluster
