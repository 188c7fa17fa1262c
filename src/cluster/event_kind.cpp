#include "cluster/event_kind.h"

#include <array>

namespace godwit::cluster {
namespace {

constexpr auto kEventKinds = std::to_array<EventKindRow>({
    {EventKind::controller_elected, Severity::info, "controller.elected"},
    {EventKind::broker_joined, Severity::info, "broker.joined"},
    {EventKind::broker_dead, Severity::warning, "broker.dead"},
    {EventKind::broker_leaving, Severity::info, "broker.leaving"},
    {EventKind::broker_unheard, Severity::warning, "broker.unheard"},
    {EventKind::broker_heard, Severity::info, "broker.heard"},
    {EventKind::broker_cannot_append, Severity::info, "broker.cannot_append"},
    {EventKind::broker_can_append, Severity::info, "broker.can_append"},
    {EventKind::broker_draining, Severity::info, "broker.draining"},
    {EventKind::broker_resumed, Severity::info, "broker.resumed"},
    {EventKind::broker_removing, Severity::info, "broker.removing"},
    {EventKind::broker_removed, Severity::info, "broker.removed"},
    {EventKind::broker_configured, Severity::info, "broker.configured"},
    {EventKind::leaders_moved, Severity::info, "leaders.moved"},
    {EventKind::leaders_preferred, Severity::info, "leaders.preferred"},
    {EventKind::isr_changed, Severity::info, "isr.changed"},
    {EventKind::replicas_unproven, Severity::warning, "replicas.unproven"},
    {EventKind::partitions_lost, Severity::error, "partitions.lost"},
    {EventKind::partitions_contradicted, Severity::error, "partitions.contradicted"},
    {EventKind::election_ordered, Severity::info, "election.ordered"},
    {EventKind::election_unclean, Severity::error, "election.unclean"},
    {EventKind::reassignment_begun, Severity::info, "reassignment.begun"},
    {EventKind::reassignment_finished, Severity::info, "reassignment.finished"},
    {EventKind::reassignment_cancelled, Severity::info, "reassignment.cancelled"},
    {EventKind::rebalance_planned, Severity::info, "rebalance.planned"},
    {EventKind::replication_throttled, Severity::info, "replication.throttled"},
    {EventKind::features_upgraded, Severity::info, "features.upgraded"},
    {EventKind::topic_created, Severity::info, "topic.created"},
    {EventKind::topic_deleted, Severity::info, "topic.deleted"},
    {EventKind::topic_enlarged, Severity::info, "topic.enlarged"},
    {EventKind::topic_configured, Severity::info, "topic.configured"},
});

constexpr bool is_in_order() {
  for (size_t i = 0; i < kEventKinds.size(); ++i) {
    if (kEventKinds[i].kind != static_cast<EventKind>(i)) return false;
  }
  return kEventKinds.size() == static_cast<size_t>(EventKind::count);
}
static_assert(is_in_order(), "a row for each kind, in the order of the enumerators");

}  // namespace

std::span<const EventKindRow> event_kinds() {
  return kEventKinds;
}

const EventKindRow& row_of(EventKind kind) {
  return kEventKinds[static_cast<size_t>(kind)];
}

}  // namespace godwit::cluster
