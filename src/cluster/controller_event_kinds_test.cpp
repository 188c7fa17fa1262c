// Each kind of event that a controller records says why, and from which state to which. A kind without a row here, one that no
// longer happens, and an event that reads otherwise than its row make this fail.
#include <map>
#include <set>

#include "cluster/controller_testing.h"
#include "cluster/event_kind.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;
using Event = kafka::ClusterCommandResponse::Event;

// All ways in which an event of the kind reads; '*' stands for anything.
struct Row {
  EventKind kind;
  std::vector<std::string> reads;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {EventKind::controller_elected,
       {"controller: none -> broker 9, fence 1 (nobody ever held the office)",
        "controller: broker 7, fence 1 -> broker 9, fence 2 (its lease ended)",
        "controller: broker 9, fence * -> broker 9, fence * (its lease ended)",
        "controller: fence 2 (broker 9 decided last) -> broker 9, fence 3 (nobody held it)"}},
      {EventKind::broker_joined,
       {"broker *, incarnation *: new -> live (it registered and asked to join)",
        "broker 3, incarnation 31, with an empty disk: dead -> live (it registered and asked to join)",
        "broker *, incarnation *: dead -> live (it registered and asked to join)",
        "broker 4, incarnation 41: removing -> live (it registered and asked to join)"}},
      {EventKind::broker_dead,
       {"broker 1, incarnation 10: live -> dead (it started again, as incarnation 11)",
        "broker 2, incarnation 20: leaving -> dead (it is refused)",
        "broker *, incarnation *: live -> dead (it is refused)",
        "broker 3, incarnation 31: live -> dead (it has no lease, and was not heard of since this controller "
        "began)"}},
      {EventKind::broker_leaving,
       {"broker 2, incarnation 20: live -> leaving (it says that it is about to stop)",
        "broker 2, incarnation 21: unknown to this controller -> leaving (it says that it is about to "
        "stop)"}},
      {EventKind::broker_unheard,
       {"broker 1, incarnation 11: live -> unheard (it does not ask the controller any more, though its "
        "lease lives: "
        "others lead where they can)",
        "broker 1, incarnation 11: unknown to this controller -> unheard (it does not ask the controller any "
        "more, though its lease lives: others lead where they can)"}},
      {EventKind::broker_heard, {"broker 1, incarnation 11: unheard -> live (it asks the controller again)"}},
      {EventKind::broker_cannot_append,
       {"broker 3, incarnation 30: live -> cannot append (it says that its disk takes no writes)",
        "broker 3, incarnation 31: draining -> draining and cannot append (it says that its disk takes no "
        "writes)",
        "broker 3, incarnation 31: unknown to this controller -> cannot append (it says that its disk takes "
        "no writes)"}},
      {EventKind::broker_can_append,
       {"broker 3, incarnation 30: cannot append -> live (it says that its disk takes writes again)",
        "broker 3, incarnation 31: draining and cannot append -> draining (it says that its disk takes "
        "writes "
        "again)"}},
      {EventKind::broker_draining, {"broker 3: live -> draining (as ordered)"}},
      {EventKind::broker_resumed, {"broker 3: draining -> live (as ordered)"}},
      {EventKind::broker_removing,
       {"broker 4: dead -> removing (as ordered: its replicas are made anew elsewhere)"}},
      {EventKind::broker_removed,
       {"broker 4: removing -> forgotten (it is removed as ordered, and has no replicas any more)"}},
      {EventKind::broker_configured,
       {"broker 2: log.retention.ms: default -> 1000 (as a client asked)",
        "broker 2: log.retention.ms: 1000 -> default; ssl.key.password: default -> (hidden) (as a client "
        "asked)",
        "all brokers: num.partitions: default -> 7 (as a client asked)"}},
      {EventKind::leaders_moved,
       {"broker 3, incarnation 30 cannot append: 1 partitions change: third-0: leader 3 -> 2, epoch 0 -> 1",
        "broker 3, incarnation 31 cannot append: * partitions change: * leader 3 -> *",
        "broker *, incarnation * is about to stop: * partitions change: * -> *",
        "broker *, incarnation * is dead: * partitions change: * -> *",
        "broker *, incarnation * joined: * partitions change: * leader none -> *",
        "broker 3 drains: * partitions change: * leader 3 -> *",
        "broker 1 does not ask the controller any more, though its lease lives: * change: * leader 1 -> *"}},
      {EventKind::leaders_preferred,
       {"* partitions go back to their preferred leader, which is in sync and was steady for long enough: * "
        "leader * "
        "-> *, epoch * -> *"}},
      {EventKind::isr_changed,
       {"as leader 1 asked, behind which broker 3 fell: 1 partitions change: t-0: isr [1,2,3] -> [1,2]",
        "as leader 1 asked, with which broker 3 caught up: 1 partitions change: t-0: isr [1,2] -> [1,2,3]",
        "as leader 1 asked, to be sure of the set that it knows: 1 partitions change: t-0: version * -> *",
        "as leader 1 asked, behind which broker 2 fell, and with which broker 3 caught up: 1 *[1,2] -> [1,3]",
        "as leader 1 asked, behind which broker 2 fell: 1 partitions change: t-1: isr [1,2,3] -> [1,3]",
        "as leader * asked, behind which brokers 2, 3 fell: 1 partitions change: * -> *",
        "as leader * asked, behind which broker 2 fell: 1 partitions change: uncl-0: isr [3,2] -> [3]",
        "as leader * asked, with which broker* caught up: 1 partitions change: * isr * -> *"}},
      {EventKind::replicas_unproven,
       {"broker * cannot prove * of its replicas, which others have: * isr * -> *"}},
      {EventKind::partitions_lost,
       {"broker 3 cannot prove 2 replicas that were the last in sync; they have no leader until an unclean "
        "election "
        "is ordered: last-0: leader none -> none, epoch * -> *; moved-0: leader none -> none, epoch * -> *"}},
      {EventKind::partitions_contradicted,
       {"broker 3 has later records of 1 partitions than the coordination store knows of, which was put back "
        "from a "
        "backup, it seems; they have no leader until an unclean election is ordered, which takes the log "
        "that goes "
        "furthest: t-0: leader * -> none, epoch * -> 501"}},
      {EventKind::election_ordered,
       {"as ordered, to the preferred leader: third-0: leader 2 -> 3, epoch 1 -> 2"}},
      {EventKind::election_unclean,
       {"records may be lost, by an operator's order: uncl-0: leader none -> 2, epoch * -> *, isr [3] -> [2]",
        "records may be lost, by an operator's order: t-0: leader none -> 3, epoch * -> *, isr * -> [3]",
        "records may be lost, by an operator's order, for the last replica in sync could not prove what it "
        "has: "
        "last-0: leader none -> 3, epoch * -> *"}},
      {EventKind::reassignment_begun,
       {"as ordered for this partition: moved-0: replicas [1,2] -> [1,3,2], to be on [1,2] -> [1,3]",
        "as ordered for this partition: moved-0: replicas [1,3] -> [3,1]",
        "as ordered for this partition: gone-0: to be on [1,2] -> [1]",
        "broker 3 drains: * partitions move: * to be on * -> *",
        "broker 4 is removed: * partitions move: * to be on * -> *",
        "to even the load out, for less than half of its share is on broker 4: * partitions move: * -> *",
        "to even the load out, as ordered: * partitions move: * -> *"}},
      {EventKind::reassignment_finished,
       {"the replicas that came are in sync: 1 partitions have moved: moved-0: isr [1,3,2] -> [1,3], "
        "replicas [1,3,2] "
        "-> [1,3]",
        "the replicas that came are in sync: * partitions have moved: * -> *",
        "enough replicas are in sync without those that go: 1 partitions have moved: gone-0: isr [1,2] -> "
        "[1], replicas [1,2] -> [1]"}},
      {EventKind::reassignment_cancelled,
       {"the order to move this partition is taken back: moved-0: replicas [1,3,2] -> [1,2], to be on [1,3] "
        "-> [1,2]",
        "as ordered for this partition, which a drain, a removal or a rebalance moved: * to be on * -> *",
        "broker 4 is back, and is not removed any more: * partitions stay where they are: * to be on * -> *",
        "broker 3 is resumed, as ordered: * partitions stay where they are: * to be on * -> *"}},
      {EventKind::rebalance_planned,
       {"* partitions move to even the load out: replicas (preferred leaders) of broker *(*) -> *(*)* (for "
        "less than "
        "half of its share is on broker 4)",
        "* partitions move to even the load out: replicas (preferred leaders) of broker *(*) -> *(*)* (as "
        "ordered)"}},
      {EventKind::replication_throttled,
       {"bound on moving replicas, for all brokers: as each broker is configured -> 20000000 bytes a second "
        "(as ordered)",
        "bound on moving replicas, for all brokers: 20000000 bytes a second -> no bound (as ordered)",
        "bound on moving replicas, for all brokers: no bound -> as each broker is configured (as ordered)"}},
      {EventKind::features_upgraded,
       {"feature level: 1 -> 2 (as ordered: builds that do not work at it are refused from now on)"}},
      {EventKind::topic_created,
       {"topic t, id *: none -> 1 partitions, 3 replicas; min.insync.replicas: default -> 2 (as a client "
        "asked)",
        "topic *, id *: none -> * partitions, * replicas* (as a client asked)"}},
      {EventKind::topic_deleted, {"topic gone, id *: 1 partitions, 1 replicas -> none (as a client asked)"}},
      {EventKind::topic_enlarged, {"topic t, id *: partitions 1 -> 2 (as a client asked)"}},
      {EventKind::topic_configured,
       {"topic t, id *: min.insync.replicas: 2 -> 1 (as a client asked)",
        "topic t, id *: min.insync.replicas: 1 -> default (2); retention.ms: default -> 60000 (as a client "
        "asked)"}},
  };
  return all;
}

bool fits(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  text.remove_prefix(star);
  pattern.remove_prefix(star + 1);
  for (;;) {
    const size_t next = pattern.find('*');
    if (next == std::string_view::npos) return text.ends_with(pattern);
    const size_t at = text.find(pattern.substr(0, next));
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + next);
    pattern.remove_prefix(next + 1);
  }
}

class EventKinds : public ControllerTest {
 protected:
  EventKinds() {
    options.features = {1, 2};
    options.auto_rebalance = false;
    options.preferred_after = 1h;
  }

  Task<void> come(Controller& controller, int id, uint64_t incarnation,
                  std::function<void(kafka::BrokerReportRequest&)> with = {}) {
    co_await put_registration(id);
    BrokerInfo info = broker(id, incarnation);
    info.features = {1, 2};
    controller.registered(info);
    auto request = joining(id, incarnation);
    if (with) with(request);
    const auto response = co_await controller.report(request);
    EXPECT_EQ(response.error_code, ErrorCode::none) << response.message;
  }
  static Task<void> report(Controller& controller, int8_t kind, int id, uint64_t incarnation,
                           bool can_append) {
    auto request = joining(id, incarnation);
    request.kind = kind;
    request.can_append = can_append;
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
  }
  static Task<void> order_number(Controller& controller, std::string verb, int64_t number) {
    kafka::ClusterCommandRequest request;
    request.verb = std::move(verb);
    request.number = number;
    const auto response = co_await controller.command(std::move(request));
    EXPECT_EQ(response.error_code, ErrorCode::none) << response.message;
  }
  static ConfigEdit set(ConfigMap config) {
    return [config](const ConfigMap&) -> Changed<ConfigMap> { return config; };
  }
  static Task<void> reassign(Controller& controller, TopicId id, std::optional<std::vector<BrokerId>> to) {
    std::vector<Reassignment> wishes{{{id, PartitionIndex(0)}, std::move(to)}};
    const auto done = co_await controller.reassign(std::move(wishes));
    EXPECT_TRUE(done[0]) << done[0].error().message;
  }
  // One move that a drain began.
  static Task<bool> take_back_one(Controller& controller) {
    const ImagePtr image = controller.image();
    for (const auto& [name, topic] : image->topics()) {
      if (topic->partitions[0].adding.empty()) continue;
      co_await reassign(controller, topic->id, std::nullopt);
      co_return true;
    }
    co_return false;
  }
  static Task<void> elect(Controller& controller, bool unclean, TopicId id) {
    std::vector<TopicPartition> which{{id, PartitionIndex(0)}};
    const auto done = co_await controller.elect(unclean, std::move(which));
    EXPECT_TRUE(done[0]) << done[0].error().message;
  }
  // Time passes while these brokers ask for news every second.
  Task<void> pass(Controller& controller, Duration time, std::map<int, uint64_t> asking) {
    auto& shard = *runtime::Shard::current();
    for (const MonotonicTime end = shard.now() + time; shard.now() < end;) {
      for (const auto& [id, incarnation] : asking) {
        (void)co_await controller.poll(polling(id, incarnation, *controller.image()));
      }
      co_await catch_up(controller);
      co_await runtime::sleep_for(1s);
    }
  }
  Task<bool> happens(Controller& controller, std::string what, int seconds) {
    for (int i = 0; i < seconds && !co_await has_event(controller, what); ++i) {
      co_await runtime::sleep_for(1s);
      co_await catch_up(controller);
    }
    co_return co_await has_event(controller, what);
  }

  Task<void> settings_and_orders(Controller& controller);
  Task<void> elections(Controller& controller);
  Task<void> moves(Controller& controller);
  Task<void> silence(Controller& controller);
  Task<void> unknown_states(Controller& controller);

  TopicId t_;
};

Task<void> EventKinds::settings_and_orders(Controller& controller) {
  co_await order_number(controller, "upgrade", 2);
  for (const int64_t rate : {20'000'000, 0, -1, -1}) co_await order_number(controller, "throttle", rate);
  EXPECT_TRUE(
      co_await controller.alter_broker_config(BrokerId(2), set({{"log.retention.ms", "1000"}}), false));
  EXPECT_TRUE(
      co_await controller.alter_broker_config(BrokerId(2), set({{"ssl.key.password", "hush"}}), false));
  EXPECT_TRUE(co_await controller.alter_broker_config(kNoBroker, set({{"num.partitions", "7"}}), false));
  NewTopic topic = topic_at("t", {ids({1, 2, 3})});
  topic.config = {{"min.insync.replicas", "2"}};
  t_ = co_await create(controller, std::move(topic));
  EXPECT_TRUE(co_await controller.alter_topic_config(t_, set({{"min.insync.replicas", "1"}}), false));
  for (const auto& isr :
       {members({1, 2}), members({1, 2}), members({1, 2, 3}), members({1}), members({1, 2})}) {
    EXPECT_EQ(co_await alter_isr(controller, t_, isr), ErrorCode::none);
  }
  EXPECT_TRUE(co_await controller.create_partitions(t_, 2, {ids({1, 2, 3})}, false));
  std::vector<IsrChange> both;
  for (int i = 0; i < 2; ++i) {
    const PartitionState now = state(controller, t_, i);
    both.push_back({{t_, PartitionIndex(i)}, now.leader_epoch, now.version, members({1, 3})});
  }
  for (const IsrOutcome& one : co_await controller.alter_isr(BrokerId(1), 10, std::move(both))) {
    EXPECT_EQ(one.code, ErrorCode::none);
  }
  EXPECT_EQ(co_await alter_isr(controller, t_, members({1, 2, 3})), ErrorCode::none);
  EXPECT_TRUE(co_await controller.alter_topic_config(t_, set({{"retention.ms", "60000"}}), false));
  const TopicId gone = co_await create(controller, topic_at("gone", {ids({1, 2})}));
  co_await reassign(controller, gone, ids({1}));
  co_await runtime::sleep_for(100ms);
  EXPECT_TRUE(co_await controller.delete_topic(gone));

  const TopicId moved = co_await create(controller, topic_at("moved", {ids({1, 2})}));
  co_await reassign(controller, moved, ids({1, 3}));
  co_await reassign(controller, moved, std::nullopt);
  co_await reassign(controller, moved, ids({1, 3}));
  EXPECT_EQ(co_await alter_isr(controller, moved, members({1, 2, 3})), ErrorCode::none);
  co_await runtime::sleep_for(100ms);
  co_await reassign(controller, moved, ids({3, 1}));
}

Task<void> EventKinds::elections(Controller& controller) {
  using Report = kafka::BrokerReportRequest;
  const TopicId third = co_await create(controller, topic_at("third", {ids({3, 2})}));
  co_await report(controller, Report::kHealth, 3, 30, false);
  co_await report(controller, Report::kHealth, 3, 30, false);  // the same once more
  co_await report(controller, Report::kHealth, 3, 30, true);
  co_await elect(controller, false, third);

  NewTopic held = topic_at("held", {ids({1, 2})});
  held.config = {{"min.insync.replicas", "2"}};
  const TopicId held_id = co_await create(controller, std::move(held));
  co_await come(controller, 1, 11, [&](Report& request) {  // which is the death of the incarnation before
    request.unproven = {{held_id, {PartitionIndex(0)}}};
  });
  const TopicId uncl = co_await create(controller, topic_at("uncl", {ids({3, 2})}));
  const TopicId last = co_await create(controller, topic_at("last", {ids({3})}));
  EXPECT_EQ(co_await alter_isr(controller, uncl, members({3})), ErrorCode::none);
  co_await controller.died(BrokerId(3), 30, "it is refused");
  co_await elect(controller, true, uncl);
  co_await come(controller, 3, 31, [](Report& request) { request.has_logs = false; });
  co_await elect(controller, true, last);

  co_await catch_up(controller);
  co_await create(controller, topic_at("alone", {ids({2})}));
  co_await report(controller, Report::kLeave, 2, 20, true);
  co_await controller.died(BrokerId(2), 20, "it is refused");
  co_await come(controller, 2, 21);
  co_await catch_up(controller);

  auto later = joining(3, 31);
  later.kind = Report::kHealth;
  later.later_logs.push_back({t_, PartitionIndex(0), LeaderEpoch(500), Offset(70)});
  EXPECT_EQ((co_await controller.report(later)).error_code, ErrorCode::none);
  co_await elect(controller, true, t_);
  co_await catch_up(controller);
}

Task<void> EventKinds::moves(Controller& controller) {
  using Report = kafka::BrokerReportRequest;
  EXPECT_EQ((co_await order(controller, "drain", 3)).error_code, ErrorCode::none);
  co_await runtime::sleep_for(5s);
  // It has asked this controller for long enough to be known.
  (void)co_await controller.poll(polling(3, 31, *controller.image()));
  co_await report(controller, Report::kHealth, 3, 31, false);
  co_await report(controller, Report::kHealth, 3, 31, true);
  EXPECT_TRUE(co_await take_back_one(controller));
  EXPECT_EQ((co_await order(controller, "resume", 3)).error_code, ErrorCode::none);
  co_await create(controller, topic_at("uneven", std::vector(8, ids({1, 2}))));
  co_await come(controller, 4, 40);
  EXPECT_TRUE(co_await happens(controller, "rebalance.planned", 10));
  for (int i = 0; i < 10; ++i) {
    co_await runtime::sleep_for(1s);
    co_await catch_up(controller);
  }
  co_await create(controller, topic_at("more", std::vector(12, ids({1, 2}))));
  EXPECT_FALSE((co_await order(controller, "rebalance")).moves.empty());
  for (int i = 0; i < 10; ++i) {
    co_await runtime::sleep_for(1s);
    co_await catch_up(controller);
  }
  co_await controller.died(BrokerId(4), 40, "it is refused");
  EXPECT_EQ((co_await order(controller, "remove", 4)).error_code, ErrorCode::none);
  co_await runtime::sleep_for(3s);
  co_await come(controller, 4, 41);
  co_await controller.died(BrokerId(4), 41, "it is refused");
  EXPECT_EQ((co_await order(controller, "remove", 4)).error_code, ErrorCode::none);
  EXPECT_TRUE(co_await happens(controller, "broker.removed", 60));
}

Task<void> EventKinds::silence(Controller& controller) {
  co_await pass(controller, 3s, {{1, 11}, {2, 21}, {3, 31}});
  co_await pass(controller, 6s, {{2, 21}, {3, 31}});
  co_await pass(controller, 20s, {{1, 11}, {2, 21}, {3, 31}});
}

// What the controller before knew, and this one does not.
Task<void> EventKinds::unknown_states(Controller& controller) {
  using Report = kafka::BrokerReportRequest;
  co_await report(controller, Report::kHealth, 3, 31, false);
  co_await report(controller, Report::kLeave, 2, 21, true);
  co_await pass(controller, 6s, {{2, 21}, {3, 31}});
}

TEST_F(EventKinds, EachIsReadWithItsReasonAndFromWhichStateToWhich) {
  std::vector<Event> events;
  options.succession = {kNoBroker, 0, "nobody ever held the office"};
  with_controller([&](Controller& controller) -> Task<void> {
    for (const int id : {1, 2, 3}) co_await come(controller, id, 10 * static_cast<uint64_t>(id));
    co_await settings_and_orders(controller);
    co_await elections(controller);
  });
  options.succession = {BrokerId(7), 1, "its lease ended"};
  options.auto_rebalance = true;
  with_controller([&](Controller& controller) -> Task<void> { return moves(controller); });
  options.succession = {kNoBroker, 2, "nobody held it"};
  options.preferred_after = 2s;
  options.leased = [](const BrokerInfo&) { return true; };
  options.reaches = [](BrokerInfo) -> Task<bool> { co_return false; };
  with_controller([&](Controller& controller) -> Task<void> { return silence(controller); });
  options.succession = {BrokerId(9), 3, "its lease ended"};
  with_controller([&](Controller& controller) -> Task<void> { return unknown_states(controller); });
  Transaction expired;
  expired.remove("/brokers/3");
  memory.load(expired.writes);
  options.reaches = [](BrokerInfo) -> Task<bool> { co_return true; };
  with_controller([&](Controller& controller) -> Task<void> {
    co_await pass(controller, 8s, {{1, 11}, {2, 21}});
    kafka::ClusterCommandRequest request;
    request.verb = "events";
    request.number = 100'000;
    events = (co_await controller.command(std::move(request))).events;
  });

  std::map<std::string_view, const Row*> by_name;
  for (const Row& row : rows()) by_name[row_of(row.kind).name] = &row;
  std::set<std::pair<std::string, std::string>> seen;
  for (const Event& event : events) {
    const auto row = by_name.find(event.what);
    ASSERT_NE(row, by_name.end()) << event.what << " has no row: " << event.detail;
    const auto& reads = row->second->reads;
    const auto found =
        std::ranges::find_if(reads, [&](const std::string& one) { return fits(one, event.detail); });
    EXPECT_NE(found, reads.end()) << event.what << ": " << event.detail;
    if (found != reads.end()) seen.emplace(event.what, *found);
  }
  for (const EventKindRow& kind : event_kinds()) {
    const auto row = by_name.find(kind.name);
    ASSERT_NE(row, by_name.end()) << kind.name << " has no row";
    for (const std::string& one : row->second->reads) {
      EXPECT_NE(one.find(" -> "), std::string::npos)
          << kind.name << " does not say from what to what: " << one;
      EXPECT_TRUE(seen.contains({std::string(kind.name), one})) << kind.name << " was never read as: " << one;
    }
  }
}

}  // namespace
}  // namespace godwit::cluster
