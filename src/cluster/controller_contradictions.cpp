// Logs that know more than the store: it was put back from a backup (docs/decisions/0015).
#include "cluster/controller_impl.h"

namespace godwit::cluster {

void ControllerImpl::take_contradictions(Draft& draft, const kafka::BrokerReportRequest& request) {
  const Eligible eligible = this->eligible();
  ChangeList changes;
  for (const auto& log : request.later_logs) {
    const TopicPartition id{log.topic, log.partition};
    const PartitionState* const present = draft.image().find(id);
    if (present == nullptr || !contradicts(*present, log.epoch)) continue;
    claims_[id][request.broker_id] = {log.epoch, log.end};
    const PartitionState before = *present;
    auto next = after_contradiction(before, log.epoch, eligible);
    if (!next) continue;
    changes.add(draft.image(), id, before, *next);
    draft.put(id, std::move(*next));
  }
  if (changes.count() == 0) return;
  note(EventKind::partitions_contradicted,
       "broker " + to_string(request.broker_id) + " has later records of " + std::to_string(changes.count()) +
           " partitions than the coordination store knows of, which was put back from a backup, it seems; "
           "they have no leader until an unclean election is ordered, which takes the log that goes furthest",
       changes);
}

void ControllerImpl::forget_claims(BrokerId id) {
  for (auto& [partition, claims] : claims_) claims.erase(id);
}

}  // namespace godwit::cluster
