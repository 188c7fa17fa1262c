// A small cluster of one partition, all its misfortunes drawn from a seed: brokers with logs whose unsynced tail a
// crash loses, disks that are lost whole, a controller that elects from the ISR, and a network that delays, reorders,
// repeats and loses. What a check finds is a sentence, not a failed assertion, so that seeded mutants (a rule of the
// product replaced by a wrong one, around it) can be shown to be found.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/divergence.h"
#include "replication/follower_replica.h"
#include "replication/leader_replica.h"

namespace godwit::replication::test {

enum class Mutant {
  none,
  // leader
  ignores_union,            // the high watermark goes over the committed ISR alone
  forgets_unknown,          // an unknown outcome counts as refused
  ignores_bound,            // the high watermark moves below min.insync.replicas
  counts_unsynced,          // its own end counts, not what it synced
  trusts_isr_at_election,   // members are taken to have all up to the epoch's start before they fetched
  shrinks_below_bound,      // lag takes out everybody
  joins_below_epoch_start,  // a joiner needs the high watermark alone
  joins_by_old_position,    // what an earlier incarnation said lets the next one join
  counts_diverging,         // a position counts before it is known to agree
  // follower
  truncates_to_high_watermark,  // as before KIP-101
  fetches_before_sync,
  // controller
  elects_anybody,
  ignores_version,
  ignores_joiner_incarnation,
  keeps_epoch_over_restart,  // a restarted leader goes on in its epoch (rule 1)
};

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t below(uint64_t bound) {
    state_ += 0x9e3779b97f4a7c15;  // SplitMix64
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % bound;
  }
  bool once_in(uint64_t n) { return below(n) == 0; }
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low + 1)));
  }

 private:
  uint64_t state_;
};

struct ModelRecord {
  int epoch = 0;
  int64_t value = 0;
  friend bool operator==(const ModelRecord&, const ModelRecord&) = default;
};

struct ModelLog {
  int64_t start = 0;
  int64_t synced = 0;
  int64_t high_watermark = 0;
  int64_t saved_high_watermark = 0;  // what a crash leaves of it
  std::vector<ModelRecord> records;

  int64_t end() const { return start + static_cast<int64_t>(records.size()); }
  const ModelRecord& at(int64_t offset) const { return records[static_cast<size_t>(offset - start)]; }
  void truncate(int64_t end_wanted);
  void drop_before(int64_t offset);
  std::optional<EpochEnd> end_of(LeaderEpoch asked) const;
  LogFacts facts() const;
};

constexpr size_t kBrokersMax = 5;

// The partition's key and the registered brokers, as the controller publishes them.
struct Published {
  int64_t image = 0;  // rises with each change of anything
  int64_t version = 1;
  int epoch = 0;
  int leader = -1;
  uint64_t leader_incarnation = 0;
  std::vector<BrokerId> isr;
  std::array<uint64_t, kBrokersMax> live{};
};

struct Message {
  enum class Kind { fetch, fetched, propose, proposed, publish };
  Kind kind{};
  int from = 0;  // -1: the controller
  int to = 0;
  uint64_t from_incarnation = 0;
  // A connection ends with the process on either side; an answer goes to who asked.
  uint64_t from_boot = 0;
  std::optional<uint64_t> to_boot;
  FetchFrom fetch;
  FetchAnswer answer;
  std::vector<ModelRecord> records;
  IsrProposal proposal;
  IsrOutcome outcome{};
  std::shared_ptr<const Published> state;
};

// The product's leader; a mutant puts a wrong rule around it.
class LeaderUnderTest {
 public:
  LeaderUnderTest(const LeaderReplica::Setup& setup, Mutant mutant);

  FetchOutcome on_fetch(const FollowerFetch& fetch, MonotonicTime now);
  void own_progress(int64_t end, int64_t synced);
  std::optional<IsrProposal> take_proposal(MonotonicTime now);
  void on_answer(uint64_t id, IsrOutcome outcome, MonotonicTime now);
  int64_t high_watermark();

  LeaderReplica real;
  uint64_t asked_id = 0;  // of the proposal that waits for its answer
  MonotonicTime asked_at = kNever;
  std::array<uint64_t, kBrokersMax> live{};

 private:
  void observe();
  std::optional<IsrProposal> wrong_proposal(MonotonicTime now);

  Mutant mutant_;
  int64_t end_;
  int64_t synced_;
  int64_t wrong_high_watermark_;
  int64_t version_;
  std::array<bool, kBrokersMax> asked_{};
  std::array<std::optional<int64_t>, kBrokersMax> positions_{};
};

struct ModelBroker {
  bool up = true;
  uint64_t incarnation = 0;
  uint64_t boot = 0;
  ModelLog log;
  // What the disk held before it was lost: it was a copy when the leader counted it.
  ModelLog ghost;
  Published view{.epoch = -1};
  std::unique_ptr<LeaderUnderTest> leader;
  std::unique_ptr<FollowerReplica> follower;
  std::unique_ptr<Contacts> contacts;
  std::optional<FetchFrom> fetch;  // under way
  MonotonicTime fetch_at = kNever;
  std::array<FollowerFetch, kBrokersMax> last_counted{};
};

class Model {
 public:
  Model(uint64_t seed, Mutant mutant);
  // Runs `steps` with faults, then without until all is well. The first sentence that a check has to say.
  std::optional<std::string> run(int steps);

  int64_t committed() const { return static_cast<int64_t>(committed_.size()); }
  int64_t elections() const { return key_.epoch; }
  int64_t isr_changes() const { return isr_changes_; }
  int64_t truncations() const { return truncations_; }
  int64_t steps() const { return steps_; }

 private:
  // model_faults_test.cpp: what may happen
  void step();
  void rare_step();
  void calm_down();
  void crash(int broker);
  void start(int broker, bool disk_lost);
  // model_brokers_test.cpp: drivers of the product
  void deliver(size_t index);
  void send(Message message);
  void publish_to(int broker);
  void apply(int broker, const Published& state);
  void begin_role(ModelBroker& broker, int id);
  void on_fetch(int broker, const Message& message);
  void on_fetched(int broker, const Message& message);
  void append(int broker);
  void sync(int broker);
  void tick(int broker);
  void after_leader(int broker);
  void after_follower(int broker);
  LogFacts follower_facts(const ModelBroker& broker) const;
  std::span<const LiveBroker> live_list(const Published& state);
  // model_controller_test.cpp
  void on_proposal(const Message& message);
  void register_broker(int broker, bool disk_lost);
  void declare_dead(int broker);
  void elect();
  void changed(bool key);
  bool in_key(int broker) const;
  // model_checks_test.cpp
  void check_key();
  void check_member(int broker, int64_t from);
  void check_high_watermark(int broker, int64_t before, int64_t after);
  void check_agrees(int broker, int64_t from, int64_t to);
  void fail(std::string sentence) {
    if (!failure_) failure_ = std::move(sentence);
  }

  Random random_;
  Mutant mutant_;
  int brokers_count_;
  int min_insync_;
  bool with_contacts_;
  int64_t pause_ms_max_;
  uint64_t crash_once_in_;
  uint64_t hold_once_in_;
  uint64_t lose_disk_once_in_;
  bool faults_ = true;
  MonotonicTime now_{std::chrono::hours(1)};
  std::array<ModelBroker, kBrokersMax> brokers_;
  std::array<bool, (kBrokersMax + 1) * (kBrokersMax + 1)> cut_{};
  Published key_;
  uint64_t incarnations_ = 0;
  std::vector<Message> network_;
  std::vector<Message> held_;  // on a stalled connection: comes much later, or never
  std::vector<ModelRecord> committed_;
  std::vector<int64_t> shown_by_epoch_;  // the highest high watermark that each epoch's leader showed
  std::vector<LiveBroker> live_scratch_;
  std::vector<BrokerId> replicas_;
  int64_t values_ = 0;
  int64_t steps_ = 0;
  int64_t isr_changes_ = 0;
  int64_t truncations_ = 0;
  std::optional<std::string> failure_;
};

}  // namespace godwit::replication::test
