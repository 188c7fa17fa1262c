#include "broker/isr_asker.h"

#include "broker/broker.h"

namespace godwit::broker {

using replication::IsrOutcome;
using runtime::Task;

namespace {

IsrOutcome meaning_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::none:
      return IsrOutcome::accepted;
    case ErrorCode::fenced_leader_epoch:
    case ErrorCode::invalid_update_version:
    case ErrorCode::invalid_request:
    case ErrorCode::unknown_topic_or_partition:
      return IsrOutcome::stale;
    case ErrorCode::ineligible_replica:
      return IsrOutcome::ineligible;
    default:
      return IsrOutcome::unknown;
  }
}

}  // namespace

void IsrAsker::look_at(Partition& partition) {
  if (tasks_.closed()) return;
  // Who could not join for that is looked at when the lease holds again, however short the time was. What the leader is told is
  // read in take_proposal(), so it is looked before and after.
  const bool held = partition.lease_holds();
  auto proposal = partition.take_proposal();
  if (!held || !partition.lease_holds()) lease_held_ = false;
  agenda_.look_by(partition.id(), partition.look_mark, partition.next_proposal());
  if (!proposal) return;
  wishes_.push_back({partition.id(), std::move(*proposal)});
  if (!std::exchange(asking_, true)) tasks_.spawn(shard_.shard(), ask());
}

void IsrAsker::look_at_due() {
  if (const bool holds = shard_.broker().metadata().lease_holds();
      std::exchange(lease_held_, holds) != holds) {
    for (const auto& [id, partition] : shard_.partitions()) {
      if (partition->leading() && partition->state().replicas.size() > 1) look_at(*partition);
    }
  }
  // First all that is due, then the looks: one may say a time that has passed already, and would be taken again in this loop.
  std::vector<LookAgenda::Entry> due;
  while (auto entry = agenda_.take_due(shard_.shard().now())) due.push_back(*entry);
  for (const LookAgenda::Entry& entry : due) {
    const auto partition = shard_.find(entry.id);
    if (partition == nullptr || !LookAgenda::counts(entry, partition->look_mark)) continue;
    if (partition->leading()) look_at(*partition);
  }
}

Task<void> IsrAsker::ask() {
  // What other partitions want in the same turn of the loop goes with it.
  co_await runtime::yield();
  while (!wishes_.empty() && !tasks_.closed()) {
    const std::vector<Wish> now = std::exchange(wishes_, {});
    std::vector<cluster::IsrChange> changes;
    for (const Wish& wish : now) {
      cluster::IsrChange change{wish.id, wish.proposal.epoch, wish.proposal.version, {}};
      for (const auto& member : wish.proposal.isr) change.isr[member.id] = member.incarnation;
      changes.push_back(std::move(change));
    }
    Broker& broker = shard_.broker();
    const auto outcomes = co_await broker.on_first([&broker, changes = std::move(changes)]() mutable {
      return broker.metadata().alter_isr(std::move(changes));
    });
    for (const Wish& wish : now) {
      const auto partition = shard_.find(wish.id);
      if (partition == nullptr || partition->leader() == nullptr) continue;
      IsrOutcome outcome = IsrOutcome::unknown;
      for (const auto& one : outcomes) {
        if (one.id == wish.id) outcome = meaning_of(one.code);
      }
      // Another reign's proposal has another epoch; its id says nothing to this leader.
      if (partition->leader()->epoch() == wish.proposal.epoch) {
        partition->on_answer(wish.proposal.id, outcome);
      }
    }
  }
  asking_ = false;
}

Task<void> IsrAsker::stop() {
  co_await tasks_.close();
}

}  // namespace godwit::broker
