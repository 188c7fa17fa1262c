// What may happen in the model, and how it ends well.
#include <algorithm>

#include "replication/model_testing.h"

namespace godwit::replication::test {

using namespace std::chrono_literals;

namespace {

constexpr int64_t kRecordsMax = 400;
constexpr size_t kInFlightMax = 60;
constexpr int kCalmRounds = 4000;

}  // namespace

Model::Model(uint64_t seed, Mutant mutant)
    : random_(seed),
      mutant_(mutant),
      brokers_count_(static_cast<int>(random_.once_in(4) ? random_.between(1, 5) : 3)),
      min_insync_(static_cast<int>(random_.between(1, brokers_count_))),
      with_contacts_(random_.once_in(2)),
      pause_ms_max_(100 << random_.below(5)),
      crash_once_in_(2 + random_.below(6)),
      hold_once_in_(4 + random_.below(60)),
      lose_disk_once_in_(2 + random_.below(8)),
      shown_by_epoch_(1, 0) {
  if (brokers_count_ == 3 && !random_.once_in(3)) min_insync_ = 2;
  for (int id = 0; id < brokers_count_; ++id) {
    replicas_.emplace_back(id);
    key_.isr.emplace_back(id);
  }
  for (int id = 0; id < brokers_count_; ++id) start(id, false);
}

std::optional<std::string> Model::run(int steps) {
  for (int i = 0; i < steps && !failure_; ++i) step();
  if (!failure_) calm_down();
  return failure_;
}

void Model::step() {
  ++steps_;
  const int id = static_cast<int>(random_.below(static_cast<uint64_t>(brokers_count_)));
  const bool up = brokers_[static_cast<size_t>(id)].up;
  if (network_.size() > kInFlightMax) network_.erase(network_.begin(), network_.begin() + 20);
  switch (random_.below(24)) {
    case 0:
    case 1:
      if (up && values_ < kRecordsMax) append(id);
      return;
    case 2:
    case 3:
    case 4:
    case 5:
      if (up) sync(id);
      return;
    case 6:
    case 7:
    case 8:
    case 9:
      if (up) tick(id);
      return;
    case 10:
      now_ += std::chrono::milliseconds(random_.between(1, pause_ms_max_));
      return;
    case 11:
      if (random_.once_in(3)) rare_step();
      return;
    default:
      if (!network_.empty()) deliver(random_.below(network_.size()));
  }
}

void Model::rare_step() {
  const int id = static_cast<int>(random_.below(static_cast<uint64_t>(brokers_count_)));
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  const bool registered = key_.live[static_cast<size_t>(id)] != 0;
  switch (random_.below(13)) {
    case 0:
    case 1:
      if (!broker.up) return start(id, random_.once_in(lose_disk_once_in_));
      if (random_.once_in(crash_once_in_)) crash(id);
      return;
    case 2:  // every machine loses power at once
      if (!random_.once_in(4)) return;
      for (int each = 0; each < brokers_count_; ++each) {
        if (brokers_[static_cast<size_t>(each)].up) crash(each);
      }
      return;
    case 3:  // found dead, or suspected though it lives: it goes on as what it was until it hears of it
      if (registered && (!broker.up || random_.once_in(3))) declare_dead(id);
      return;
    case 4:  // a fenced process takes a new incarnation
      if (broker.up && !registered) start(id, false);
      return;
    case 5:  // leadership moves, as to the preferred replica or by a controlled shutdown
      elect();
      return changed(true);
    case 6: {
      const auto link = random_.below(cut_.size());
      cut_[link] = !cut_[link] && random_.once_in(2);
      return;
    }
    case 7:
      return cut_.fill(false);
    case 8:
      now_ += std::chrono::milliseconds(random_.between(500, 5000));
      return;
    case 9: {  // what was held comes, or its connection broke
      for (Message& message : held_) {
        if (!random_.once_in(4)) network_.push_back(std::move(message));
      }
      return held_.clear();
    }
    case 10:
    case 11:  // back at once, before anybody noticed
      if (broker.up) crash(id);
      return start(id, random_.once_in(lose_disk_once_in_));
    default:  // retention, or DeleteRecords
      if (broker.up && broker.leader && random_.once_in(3)) {
        broker.log.drop_before(
            random_.between(broker.log.start, std::max(broker.log.start, broker.log.high_watermark)));
      }
      for (int each = 0; each < brokers_count_; ++each) publish_to(each);
  }
}

void Model::crash(int id) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  ModelLog& log = broker.log;
  broker.up = false;
  ++broker.boot;
  broker.leader.reset();
  broker.follower.reset();
  broker.fetch.reset();
  broker.contacts.reset();
  log.truncate(random_.between(log.synced, log.end()));
  log.high_watermark =
      random_.between(log.saved_high_watermark, std::max(log.saved_high_watermark, log.high_watermark));
  log.high_watermark = std::clamp(log.high_watermark, log.start, log.end());
  log.saved_high_watermark = log.high_watermark;
  check_key();
}

// A process begins: on what its disk has, or on an empty one.
void Model::start(int id, bool disk_lost) {
  ModelBroker& broker = brokers_[static_cast<size_t>(id)];
  // Nobody else has what was committed: that loss is an operator's to decide, and no rule prevents it.
  if (disk_lost && key_.isr.size() == 1 && in_key(id)) disk_lost = false;
  if (disk_lost) {
    broker.ghost = std::move(broker.log);
    broker.log = {};
  }
  broker.log.synced = broker.log.end();  // recovery syncs what it keeps
  broker.up = true;
  ++broker.boot;
  broker.incarnation = ++incarnations_;
  broker.leader.reset();
  broker.follower.reset();
  broker.fetch.reset();
  broker.contacts.reset();
  broker.view = {.epoch = -1};
  register_broker(id, disk_lost);
}

// No more faults: everybody is started, heard and told; then all must hold the same, committed.
void Model::calm_down() {
  faults_ = false;
  held_.clear();
  cut_.fill(false);
  const int64_t target_value = values_ + 1;
  for (int round = 0; round < kCalmRounds && !failure_; ++round) {
    ++steps_;
    now_ += 20ms;
    for (int id = 0; id < brokers_count_; ++id) {
      ModelBroker& broker = brokers_[static_cast<size_t>(id)];
      if (!broker.up || key_.live[static_cast<size_t>(id)] != broker.incarnation) start(id, false);
      if (broker.view.image != key_.image) apply(id, key_);
      if (broker.leader && values_ < target_value && key_.leader == id) append(id);
      sync(id);
      tick(id);
    }
    for (size_t count = network_.size(); count > 0 && !network_.empty(); --count) deliver(0);
    if (key_.leader < 0) continue;
    const ModelLog& log = brokers_[static_cast<size_t>(key_.leader)].log;
    bool well = values_ >= target_value && log.high_watermark == log.end() && committed() == log.end() &&
                key_.isr.size() == static_cast<size_t>(brokers_count_);
    for (int id = 0; id < brokers_count_; ++id)
      well &= brokers_[static_cast<size_t>(id)].log.high_watermark == log.end();
    if (well) return check_key();
  }
  fail("without faults it does not become well");
}

}  // namespace godwit::replication::test
