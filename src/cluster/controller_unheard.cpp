// Brokers whose lease lives and that ask the controller no more: the network between the two is cut, or the broker reaches nobody
// but the store (docs/decisions/0012). Such a leader can not shrink its ISR, and hears of nothing; acks=all waits on it for as long as the
// cut lasts. It is not dead, so it keeps its incarnation, what only it can lead, and its place in the ISRs that it follows.
#include <algorithm>

#include "cluster/controller_impl.h"

namespace godwit::cluster {

using runtime::Task;

// For how long it has not asked.
Duration ControllerImpl::silence(BrokerId id, uint64_t incarnation) const {
  const auto contact = news_.contact(id, incarnation);
  return now() - std::max(contact.value_or(opened_at_), opened_at_);
}

// Silence alone is no proof: this controller may have slept. Who answers a probe and yet does not ask has the same time once more.
Task<bool> ControllerImpl::is_out_of_reach(BrokerInfo broker) {
  const bool answers = co_await options_.reaches(broker);
  const Duration silent = silence(broker.id, broker.incarnation);
  co_return fleet_.alive(broker.id, broker.incarnation) && silent > options_.session_timeout &&
      (!answers || silent > 2 * options_.session_timeout);
}

Task<void> ControllerImpl::look_for_unheard() {
  if (!options_.reaches || !options_.leased) co_return;
  size_t all = 0;
  size_t heard = 0;
  size_t lost = 0;
  std::vector<BrokerInfo> silent;
  for (const auto& [id, broker] : fleet_.brokers()) {
    if (!broker.alive()) continue;
    ++all;
    const Duration since = silence(id, broker.joined);
    if (id == options_.self || since <= options_.session_timeout) {
      ++heard;
      continue;
    }
    lost += since > 2 * options_.session_timeout && options_.leased(fleet_.shown(id)) ? 1 : 0;
    if (!broker.unheard) silent.push_back(fleet_.shown(id));
  }
  // It is this broker that is cut off: whoever reaches the others decides better. Who really died has no lease any more.
  if (2 * (all - lost) < all) {
    diagnostics_.emit(
        {Severity::warning,
         "controller.isolated",
         "fewer than half of the brokers reach this controller though their leases live: it gives the "
         "office up",
         {{"brokers", std::to_string(all)}, {"heard", std::to_string(heard)}}});
    isolated_ = true;
    end();
    co_return;
  }
  if (silent.empty()) co_return;
  std::vector<Task<bool>> probes;
  probes.reserve(silent.size());
  for (const BrokerInfo& broker : silent) probes.push_back(is_out_of_reach(broker));
  const auto out_of_reach = co_await runtime::when_all(std::move(probes));
  if (ended() || 2 * heard < all) co_return;
  for (size_t i = 0; i < silent.size(); ++i) {
    if (!out_of_reach[i]) continue;
    (void)co_await decide(
        [this, broker = silent[i]](Draft& draft) { take_leadership(draft, broker.id, broker.incarnation); });
  }
}

void ControllerImpl::take_leadership(Draft& draft, BrokerId id, uint64_t incarnation) {
  // It may have asked while this waited for its turn.
  if (!fleet_.alive(id, incarnation) || silence(id, incarnation) <= options_.session_timeout) return;
  Fleet::Broker& broker = *fleet_.find(id);
  const std::string before = state_before(broker);
  broker.unheard = true;
  const std::string why =
      "broker " + to_string(id) + " does not ask the controller any more, though its lease lives";
  count_failure(draft, id);
  note(
      EventKind::broker_unheard,
      {.about = "broker " + to_string(id) + ", incarnation " + std::to_string(incarnation),
       .change = from_to(before, state_of(broker)),
       .why = "it does not ask the controller any more, though its lease lives: others lead where they can"});
  review_and_note(
      draft, [id](const PartitionState& state) { return state.leader == id; }, why);
}

void ControllerImpl::heard_again(BrokerId id, uint64_t incarnation) {
  Fleet::Broker* const broker = fleet_.find(id);
  if (broker == nullptr || !fleet_.alive(id, incarnation) || !broker->unheard) return;
  const std::string before = state_of(*broker);
  broker->unheard = false;
  fleet_.recovered(id, now());
  note(EventKind::broker_heard,
       {.about = "broker " + to_string(id) + ", incarnation " + std::to_string(incarnation),
        .change = from_to(before, state_of(*broker)),
        .why = "it asks the controller again"});
}

}  // namespace godwit::cluster
