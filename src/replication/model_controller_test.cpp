// The controller of the model: one key, compare-and-set, elections from the ISR (design-cluster rules 1, 2, 4, 7, 12).
#include <algorithm>

#include "replication/model_testing.h"

namespace godwit::replication::test {

bool Model::in_key(int broker) const {
  return std::ranges::find(key_.isr, BrokerId(broker)) != key_.isr.end();
}

void Model::changed(bool key) {
  ++key_.image;
  if (key) ++key_.version;
  check_key();
  for (int broker = 0; broker < brokers_count_; ++broker) publish_to(broker);
}

void Model::on_proposal(const Message& message) {
  const IsrProposal& wanted = message.proposal;
  Message answer{.kind = Message::Kind::proposed,
                 .from = -1,
                 .to = message.from,
                 .to_boot = message.from_boot,
                 .proposal = wanted};
  answer.outcome = IsrOutcome::accepted;
  const bool leads = key_.leader == message.from && key_.leader_incarnation == message.from_incarnation &&
                     LeaderEpoch(key_.epoch) == wanted.epoch;
  if (!leads || (wanted.version != key_.version && mutant_ != Mutant::ignores_version)) {
    answer.outcome = IsrOutcome::stale;
    return send(answer);
  }
  std::vector<BrokerId> isr;
  bool shrinks = false;
  for (const IsrMember& member : wanted.isr) {
    const int id = member.id.value();
    const uint64_t live = key_.live[static_cast<size_t>(id)];
    const bool eligible = mutant_ == Mutant::ignores_joiner_incarnation || live == member.incarnation;
    if (!in_key(id) && (live == 0 || !eligible)) answer.outcome = IsrOutcome::ineligible;
    isr.push_back(member.id);
  }
  for (const BrokerId id : key_.isr) shrinks |= std::ranges::find(isr, id) == isr.end();
  if (answer.outcome == IsrOutcome::accepted) {
    if (shrinks && isr.size() < static_cast<size_t>(min_insync_))
      fail("lag took the ISR below min.insync.replicas");
    isr_changes_ += isr == key_.isr ? 0 : 1;
    key_.isr = isr;
    changed(true);
  }
  send(answer);
}

void Model::register_broker(int broker, bool disk_lost) {
  const auto at = static_cast<size_t>(broker);
  key_.live[at] = brokers_[at].incarnation;
  bool key = false;
  if (disk_lost && in_key(broker)) {
    std::erase(key_.isr, BrokerId(broker));
    key = true;
  }
  if (key_.leader == broker) {
    if (mutant_ == Mutant::keeps_epoch_over_restart && !disk_lost) {
      key_.leader_incarnation = brokers_[at].incarnation;
    } else {
      elect();
    }
    key = true;
  } else if (key_.leader < 0) {
    elect();
    key = true;
  }
  changed(key);
}

void Model::declare_dead(int broker) {
  key_.live[static_cast<size_t>(broker)] = 0;
  bool key = false;
  if (in_key(broker) && key_.isr.size() > static_cast<size_t>(min_insync_)) {
    std::erase(key_.isr, BrokerId(broker));
    key = true;
  }
  if (key_.leader == broker) {
    elect();
    key = true;
  }
  changed(key);
}

void Model::elect() {
  std::vector<int> candidates;
  for (int broker = 0; broker < brokers_count_; ++broker) {
    const bool may = in_key(broker) || mutant_ == Mutant::elects_anybody;
    if (may && key_.live[static_cast<size_t>(broker)] != 0) candidates.push_back(broker);
  }
  ++key_.epoch;
  shown_by_epoch_.push_back(0);
  key_.leader = candidates.empty() ? -1 : candidates[random_.below(candidates.size())];
  key_.leader_incarnation = key_.leader < 0 ? 0 : key_.live[static_cast<size_t>(key_.leader)];
  if (key_.leader >= 0 && !in_key(key_.leader)) key_.isr = {BrokerId(key_.leader)};
}

}  // namespace godwit::replication::test
