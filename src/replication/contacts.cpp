#include "replication/contacts.h"

#include <algorithm>

namespace godwit::replication {

void Contacts::heard(BrokerId broker, uint64_t incarnation, MonotonicTime now) {
  auto at = std::ranges::lower_bound(contacts_, broker, {}, &Contact::broker);
  if (at == contacts_.end() || at->broker != broker) at = contacts_.insert(at, {broker, incarnation, now});
  if (incarnation < at->incarnation) return;
  at->at = incarnation == at->incarnation ? std::max(at->at, now) : now;
  at->incarnation = incarnation;
}

MonotonicTime Contacts::last_heard(BrokerId broker, uint64_t incarnation) const {
  const auto at = std::ranges::lower_bound(contacts_, broker, {}, &Contact::broker);
  if (at == contacts_.end() || at->broker != broker || at->incarnation != incarnation) return kNever;
  return at->at;
}

void Contacts::forget(BrokerId broker) {
  std::erase_if(contacts_, [&](const Contact& contact) { return contact.broker == broker; });
}

}  // namespace godwit::replication
