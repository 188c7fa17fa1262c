// What must hold in the model, whatever happens.
#include <algorithm>

#include "replication/model_testing.h"

namespace godwit::replication::test {

// Every member of the ISR in the key has all that was ever committed on its disk: so any may be elected at any time.
void Model::check_key() {
  for (const BrokerId id : key_.isr) check_member(id.value(), 0);
}

void Model::check_member(int broker, int64_t from) {
  const ModelLog& log = brokers_[static_cast<size_t>(broker)].log;
  if (log.synced < committed()) {
    fail("a member of the ISR has synced " + std::to_string(log.synced) + " of " +
         std::to_string(committed()) + " committed records");
    return;
  }
  check_agrees(broker, from, committed());
}

void Model::check_agrees(int broker, int64_t from, int64_t to) {
  const ModelLog& log = brokers_[static_cast<size_t>(broker)].log;
  for (int64_t offset = std::max(from, log.start); offset < std::min(to, log.end()); ++offset) {
    if (log.at(offset) == committed_[static_cast<size_t>(offset)]) continue;
    fail("broker " + std::to_string(broker) + " has another record at the committed offset " +
         std::to_string(offset));
    return;
  }
}

// A leader, be it one that was replaced and does not know, shows a higher one.
void Model::check_high_watermark(int broker, int64_t before, int64_t after) {
  ModelBroker& b = brokers_[static_cast<size_t>(broker)];
  if (after < before) return fail("a high watermark fell");
  if (after > b.log.synced) return fail("a leader committed what it did not sync");
  const auto epoch = static_cast<size_t>(b.leader->real.epoch().value());
  const int64_t was = committed();
  for (int64_t offset = std::max(before, b.log.start); offset < after; ++offset) {
    if (offset < was) continue;
    if (offset != committed()) return fail("a gap in what is committed");
    committed_.push_back(b.log.at(offset));
    size_t copies = 0;
    for (int other = 0; other < brokers_count_; ++other) {
      const ModelBroker& o = brokers_[static_cast<size_t>(other)];
      const auto holds = [&](const ModelLog& log) {
        return offset >= log.start && offset < log.synced && log.at(offset) == b.log.at(offset);
      };
      copies += holds(o.log) || holds(o.ghost) ? 1 : 0;
    }
    if (copies < static_cast<size_t>(min_insync_))
      return fail("fewer synced copies than min.insync.replicas");
  }
  check_agrees(broker, before, after);
  if (committed() > was) {
    for (const BrokerId id : key_.isr) check_member(id.value(), was);
  }
  shown_by_epoch_[epoch] = std::max(shown_by_epoch_[epoch], after);
  // A client that asks for the latest offset gets it from a leader that knows: never less than any earlier leader's.
  for (const ModelBroker& other : brokers_) {
    if (!other.leader || !other.leader->real.high_watermark_known()) continue;
    const auto its = static_cast<size_t>(other.leader->real.epoch().value());
    for (size_t earlier = 0; earlier < its; ++earlier) {
      if (shown_by_epoch_[earlier] > other.leader->high_watermark())
        fail("the latest offset fell with a new leader");
    }
  }
}

}  // namespace godwit::replication::test
