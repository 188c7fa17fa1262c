// Inside of Controller: one writer, and what it decides on.
//
// A public call puts a wish into the line: a function that looks at the draft of the next image (as it is with all wishes before
// it), changes it, and leaves its answer. The writer takes all wishes that are there, makes the draft durable, publishes the image,
// and lets the calls answer. Functions that take a Draft run in the writer's turn: nothing else changes meanwhile, and what they
// change here besides (fleet_, moving_, …) is lost with the office if the draft can not be written.
//
// A wish may outlive the call that made it: it owns what it needs.
#pragma once

#include <deque>
#include <optional>
#include <set>

#include "cluster/assignments.h"
#include "cluster/controller.h"
#include "cluster/draft.h"
#include "cluster/event_log.h"
#include "cluster/fenced_store.h"
#include "cluster/fleet.h"
#include "cluster/news.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"

namespace godwit::cluster {

inline tl::unexpected<Refusal> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(Refusal{code, std::move(message)});
}

class ControllerImpl final : public Controller {
 public:
  ControllerImpl(ControllerOptions options, coordination::Coordination& store, runtime::Runtime& runtime,
                 DiagnosticSink& diagnostics);
  runtime::Task<Result<void>> load();

  ImagePtr image() const override { return news_.image(); }
  runtime::Task<void> deposed() override;
  bool isolated() const override { return isolated_; }
  void registered(const BrokerInfo& broker) override;
  runtime::Task<void> died(BrokerId id, uint64_t incarnation, std::string why) override;
  runtime::Task<kafka::ClusterPollResponse> poll(kafka::ClusterPollRequest request) override;
  runtime::Task<kafka::BrokerReportResponse> report(kafka::BrokerReportRequest request) override;
  runtime::Task<std::vector<IsrOutcome>> alter_isr(BrokerId asker, uint64_t incarnation,
                                                   std::vector<IsrChange> changes) override;
  runtime::Task<Changed<std::shared_ptr<const Topic>>> create_topic(NewTopic topic,
                                                                    bool validate_only) override;
  runtime::Task<Changed<void>> delete_topic(TopicId id) override;
  runtime::Task<Changed<void>> create_partitions(TopicId id, int32_t count,
                                                 std::vector<std::vector<BrokerId>> assignment,
                                                 bool validate_only) override;
  runtime::Task<Changed<void>> alter_topic_config(TopicId id, ConfigEdit change, bool validate_only) override;
  runtime::Task<Changed<void>> alter_broker_config(BrokerId id, ConfigEdit change,
                                                   bool validate_only) override;
  runtime::Task<std::vector<Changed<void>>> reassign(std::vector<Reassignment> wishes) override;
  runtime::Task<std::vector<Changed<void>>> elect(bool unclean,
                                                  std::vector<TopicPartition> partitions) override;
  runtime::Task<kafka::ClusterCommandResponse> command(kafka::ClusterCommandRequest request) override;
  runtime::Task<void> close() override;

 private:
  using Decide = std::function<void(Draft&)>;
  using Response = kafka::ClusterCommandResponse;
  struct Pending {
    runtime::Condition changed;
    bool over = false;
    bool durable = false;
  };
  struct Wish {
    Decide decide;
    std::shared_ptr<Pending> pending;  // null: nobody waits
  };
  // Counts a public call while it is under way, so that close() can wait for its end.
  class Call {
   public:
    explicit Call(ControllerImpl& controller) : controller_(controller) { ++controller_.calls_; }
    ~Call() {
      if (--controller_.calls_ == 0) controller_.idle_.notify_all();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    ControllerImpl& controller_;
  };

  // The writer (controller.cpp). decide() waits until what was decided is durable and published; false: the office was lost
  // before.
  runtime::Task<bool> decide(Decide decide);
  void decide_soon(Decide decide);
  template <class T>
  runtime::Task<Changed<T>> changed(std::function<Changed<T>(Draft&)> decide);
  runtime::Task<void> run_writer();
  runtime::Task<bool> write(const Draft& draft);
  runtime::Task<void> clean_up(Draft::Transactions leavings);
  // The fence may be found lost by any write.
  runtime::Task<void> watch_end();
  void end();
  bool ended() const { return store_.ended(); }
  // Waits until all live brokers serve the newest image, or a short while.
  runtime::Task<void> settle();
  void note(EventKind kind, const Decision& decision);
  void note(EventKind kind, const std::string& why, const ChangeList& changes);
  void note_election();
  MonotonicTime now() const { return shard_.now(); }

  // Of a key whose name is none of ours.
  runtime::Task<Result<void>> load_brokers(Image& image);
  runtime::Task<Result<void>> load_tombstones();
  void tell_damage(const std::string& what);

  // What goes on by itself, twice a second (controller_chores.cpp, controller_moves.cpp).
  runtime::Task<void> run_chores();
  runtime::Task<void> bury_silent();
  // Who asks no more though its lease lives (controller_unheard.cpp).
  runtime::Task<void> look_for_unheard();
  runtime::Task<bool> is_out_of_reach(BrokerInfo broker);
  void take_leadership(Draft& draft, BrokerId id, uint64_t incarnation);
  void heard_again(BrokerId id, uint64_t incarnation);
  Duration silence(BrokerId id, uint64_t incarnation) const;
  runtime::Task<void> forget_tombstones();
  runtime::Task<void> restore_preferred();
  runtime::Task<void> start_moves();
  void plan(Draft& draft);
  // Why the partition moves, of a move that leaving_moves found.
  std::string why_leaves(const Image& image, const placement::Move& move,
                         const std::set<BrokerId>& leaving) const;
  void start_planned(Draft& draft);
  // With the brokers to which they are on their way in vain.
  std::map<TopicPartition, std::vector<BrokerId>> stranded(const Image& image,
                                                           const std::set<BrokerId>& leaving) const;
  // `why` its replicas stay.
  void cancel_moves_from(Draft& draft, BrokerId broker, const std::string& why);
  // It was to be removed, and is back. `emptied`: it has nothing of what it had.
  void stay(Draft& draft, BrokerId broker, bool emptied);
  void forget_removed(Draft& draft);

  // Partitions (controller_partitions.cpp).
  ConfigMap fallback(const Image& image) const;
  int bound(const Topic& topic, const PartitionState& state, const ConfigMap& fallback) const;
  using Concerns = std::function<bool(const PartitionState&)>;
  // after_change_of_brokers for all partitions that it concerns.
  void review(Draft& draft, const Concerns& concerns, ChangeList& changes);
  void review_and_note(Draft& draft, const Concerns& concerns, const std::string& why);
  // Who may lead and be counted on by now, and from where epochs go on.
  Eligible eligible() const;
  void finish_moves(Draft& draft);
  // What a leader's requests come to, by reason.
  using IsrNews = std::map<std::string, ChangeList>;
  IsrOutcome alter_one_isr(Draft& draft, BrokerId asker, uint64_t incarnation, const IsrChange& change,
                           IsrNews& news);
  // Refuses a change that takes replicas away and leaves fewer than the topic itself asks for to be in sync.
  Changed<void> check_replicas(const Topic& topic, const PartitionState& before,
                               const PartitionState& after) const;
  Changed<void> reassign_one(Draft& draft, const Reassignment& wish);
  Changed<void> elect_one(Draft& draft, bool unclean, const TopicPartition& id);

  // Brokers (controller_brokers.cpp).
  // Waits a moment for the registration of that incarnation, or a later one, which may still be on its way to here; false: it did
  // not come.
  runtime::Task<bool> is_registered(BrokerId id, uint64_t incarnation);
  void on_registered(Draft& draft, const BrokerInfo& info);
  void declare_dead(Draft& draft, BrokerId id, const std::string& why);
  Changed<void> on_join(Draft& draft, const kafka::BrokerReportRequest& request);
  Changed<void> on_health(Draft& draft, const kafka::BrokerReportRequest& request);
  void on_leave(Draft& draft, BrokerId id);
  // `emptied`: it has nothing of what it had.
  void take_losses(Draft& draft, const kafka::BrokerReportRequest& request, bool emptied);
  void lose(Draft& draft, BrokerId id, const std::vector<TopicPartition>& partitions, bool emptied);
  // Losses of what topics had that are left aside: written down until their keys are mended (controller_doubts.cpp).
  void note_doubts(const kafka::BrokerReportRequest& request, bool emptied);
  void settle_doubts(Draft& draft);
  // Logs that know more than the store (controller_contradictions.cpp).
  void take_contradictions(Draft& draft, const kafka::BrokerReportRequest& request);
  // The state from which a broker comes that says what it is, or stops to ask; from then on it is known.
  std::string state_before(Fleet::Broker& broker);
  void store_broker(Draft& draft, BrokerId id);
  // It cannot lead any more, though it lives: counts that, durably.
  void count_failure(Draft& draft, BrokerId id);
  StoredJoined stored_of(BrokerId id) const { return fleet_.stored(id, shard_.now(), shard_.wall_now()); }

  // Topics (controller_topics.cpp).
  // States of new partitions, from number `first` on.
  Changed<std::vector<PartitionState>> place(const Draft& draft, TopicId topic, int32_t first, int32_t count,
                                             int16_t factor,
                                             const std::vector<std::vector<BrokerId>>& assignment) const;
  Changed<std::shared_ptr<const Topic>> create(Draft& draft, NewTopic wish, bool validate_only);
  Changed<void> remove(Draft& draft, TopicId id);
  // Whether replicas may be given to it by hand: it has joined some time, is perhaps dead, and is not given up.
  bool is_known(BrokerId id) const;
  bool is_alone() const;
  // What the topic itself asks for; 1 where it does not.
  static int own_min_insync(const ConfigMap& config);
  // Brokers that get replicas.
  std::vector<placement::Broker> usable() const;
  // The same; and, where those are fewer than `factor`, as reserves all others that are known: living ones that are to be
  // emptied, then dead ones.
  std::vector<placement::Broker> places_for(int16_t factor) const;
  // How many replicas a topic gets of which nobody says it.
  int16_t usual_factor() const;

  // Orders (controller_orders.cpp), and what is told (controller_status.cpp).
  Response status() const;
  std::vector<Response::Wait> waits(const Image& image) const;
  // Brokers that are to have no replicas.
  std::set<BrokerId> leaving() const;
  // Whether one of these could take one more replica of a partition.
  static bool has_taker(const std::vector<placement::Broker>& takers, const std::vector<BrokerId>& replicas);
  Response events(int64_t count) const;
  Changed<void> drain(Draft& draft, BrokerId id, bool draining);
  Changed<void> forget_broker(Draft& draft, BrokerId id);
  // What moves to even the load out: to brokers that came lately where there are such.
  std::vector<placement::Move> even_moves(const Image& image) const;
  std::vector<placement::Broker> newcomers(const Image& image) const;
  // What moves away from brokers that are drained or removed.
  std::vector<placement::Move> leaving_moves(const Image& image) const;
  // `trigger`: why now.
  Changed<std::vector<Response::Move>> rebalance(Draft& draft, bool dry_run, const std::string& trigger);
  Changed<void> throttle(Draft& draft, int64_t bytes_per_second);
  // The highest feature level that all brokers take which are known, dead ones too.
  int16_t level_of_all() const;
  Changed<void> upgrade(Draft& draft, int64_t wanted, bool dry_run);

  ControllerOptions options_;
  coordination::Coordination& coordination_;
  runtime::Shard& shard_;
  DiagnosticSink& diagnostics_;
  FencedStore store_;
  EventLog log_;
  Fleet fleet_;
  News news_;

  std::deque<Wish> wishes_;
  runtime::Condition wished_;
  runtime::Condition chore_;       // wakes the chores' sleep at the end
  runtime::Condition registered_;  // a broker registered
  runtime::Gate gate_;
  size_t calls_ = 0;
  runtime::Condition idle_;
  bool finish_queued_ = false;

  std::set<TopicPartition> moving_;  // replicas are on their way; some that have arrived may be among them
  // Those of them that were begun by plan, not by an order for the partition, and where they were before.
  std::map<TopicPartition, std::vector<BrokerId>> automatic_;
  struct Planned {
    placement::Move move;
    std::string why;
  };
  std::deque<Planned> planned_;  // that have not begun
  MonotonicTime plan_again_at_;  // when to look again for what has to leave a broker
  std::optional<MonotonicTime> rebalance_at_;
  std::map<TopicId, std::string> aside_;  // topics that the store does not describe well enough
  std::set<std::string> reserved_names_;  // of topics that the store does not describe well enough
  MonotonicTime opened_at_;
  bool isolated_ = false;
  MonotonicTime preferred_at_;  // the next round of preferred leaders
  // Brokers that had joined but had no registration when the office was taken, and neither came nor were declared dead since.
  std::set<BrokerId> missing_;
  MonotonicTime missing_until_;
  // Of partitions that wait for an order since logs know more than the store: who said so.
  std::map<TopicPartition, Claims> claims_;
  // What that broker said was of an earlier life of it, perhaps of another disk: it says it again when it joins.
  void forget_claims(BrokerId id);
  // Deleted topics: who may still have logs of it and has not served an image without it.
  struct Tombstone {
    ImageVersion gone_in;
    std::set<BrokerId> waiting;
  };
  std::map<TopicId, Tombstone> tombstones_;
};

template <class T>
runtime::Task<Changed<T>> ControllerImpl::changed(std::function<Changed<T>(Draft&)> decide) {
  auto outcome = std::make_shared<std::optional<Changed<T>>>();
  const bool durable = co_await this->decide(
      [outcome, decide = std::move(decide)](Draft& draft) { outcome->emplace(decide(draft)); });
  if (!durable) co_return refuse(ErrorCode::not_controller, "this broker is not the controller any more");
  co_return std::move(**outcome);
}

}  // namespace godwit::cluster
