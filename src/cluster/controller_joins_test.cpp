// Brokers that come back with another disk, or faster than the news of them (design-cluster rules 1 and 2).
#include "cluster/controller_testing.h"
#include "runtime/sync.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;

Uuid disk(int number) {
  Uuid id;
  id.bytes[0] = std::byte(number);
  return id;
}

class Joins : public ControllerTest {
 protected:
  Task<void> come_back(Controller& controller, int id, uint64_t incarnation, Uuid storage, bool has_logs) {
    controller.registered(broker(id, incarnation));
    auto request = joining(id, incarnation);
    request.storage_id = storage;
    request.has_logs = has_logs;
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
  }
};

// The last in sync lost its disk, and a second start finds the logs that the first one made.
TEST_F(Joins, ASecondStartOnAnEmptyDiskAndAnotherControllerStillKnowThatNothingWasThere) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    id = co_await create(controller, topic_at("t", {ids({2, 1})}));
    EXPECT_EQ(co_await alter_isr(controller, id, members({2})), ErrorCode::none);
    co_await come_back(controller, 2, 21, disk(9), false);
    EXPECT_EQ(state(controller, id).leader, kNoBroker);
    co_await come_back(controller, 2, 22, disk(9), true);
    EXPECT_EQ(state(controller, id).leader, kNoBroker);
  });
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_TRUE((co_await controller.elect(true, {{id, PartitionIndex(0)}}))[0]);
    EXPECT_EQ(state(controller, id).leader, BrokerId(1));
    EXPECT_EQ(state(controller, id).isr, ids({1}));
    // It has caught up.
    EXPECT_EQ(co_await alter_isr(controller, id, {{BrokerId(1), 10}, {BrokerId(2), 22}}), ErrorCode::none);
    EXPECT_EQ((co_await stored(id)).emptied, ids({}));
  });
}

TEST_F(Joins, AReplicaThatCameBackEmptyIsTakenAfterAnotherThatWasNotInSyncEither) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({2, 1, 3})}));
    EXPECT_EQ(co_await alter_isr(controller, id, members({1, 2})), ErrorCode::none);
    co_await controller.died(BrokerId(1), 10, "refused");
    co_await come_back(controller, 2, 21, disk(9), false);
    EXPECT_EQ(state(controller, id).leader, kNoBroker);
    co_await come_back(controller, 2, 22, disk(9), true);
    EXPECT_TRUE((co_await controller.elect(true, {{id, PartitionIndex(0)}}))[0]);
    EXPECT_EQ(state(controller, id).leader, BrokerId(3));
  });
}

// It ran for a while on another disk, without anybody noticing, and then the first one is there again: whole, and old.
TEST_F(Joins, ADiskThatIsNotTheOneOfTheLastJoinProvesNothing) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    NewTopic topic = topic_at("t", {ids({1, 2})});
    topic.config["min.insync.replicas"] = "2";
    id = co_await create(controller, topic);
    // Of a broker that did not say what disk it has, nothing is known.
    co_await come_back(controller, 2, 21, disk(7), true);
    EXPECT_EQ(state(controller, id).isr, ids({1, 2}));
    co_await come_back(controller, 2, 22, disk(7), true);
    EXPECT_EQ(state(controller, id).isr, ids({1, 2}));
  });
  with_controller([&](Controller& controller) -> Task<void> {
    co_await controller.died(BrokerId(1), 10, "refused");
    co_await come_back(controller, 2, 23, disk(8), true);
    EXPECT_EQ(state(controller, id).isr, ids({1}));
    EXPECT_EQ(state(controller, id).leader, kNoBroker);
    EXPECT_EQ((co_await stored(id)).emptied, ids({2}));
    EXPECT_TRUE(co_await has_event(controller, "replicas.unproven"));
    // From now on this is its disk.
    co_await come_back(controller, 1, 11, Uuid(), true);
    EXPECT_EQ(co_await alter_isr(controller, id, {{BrokerId(1), 11}, {BrokerId(2), 23}}), ErrorCode::none);
    co_await come_back(controller, 2, 24, disk(8), true);
    EXPECT_EQ(state(controller, id).isr, ids({1, 2}));
  });
}

TEST_F(Joins, AnEntryOfAnOlderBuildSaysNothingOfTheDisk) {
  StoredJoined entry;
  entry.incarnation = 5;
  entry.storage_id = disk(3);
  entry.features_last = 2;
  const auto bytes = codec::encode_versioned(entry, int16_t{0});
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*codec::decode_versioned<StoredJoined>(SharedBytes::copy(*bytes)), entry);
  // Without the tagged field, it is left out.
  StoredJoined older = entry;
  older.storage_id = {};
  const auto without = codec::encode_versioned(older, int16_t{0});
  ASSERT_TRUE(without);
  EXPECT_EQ(without->size() + 2 + 16, bytes->size());
  EXPECT_TRUE(codec::decode_versioned<StoredJoined>(SharedBytes::copy(*without))->storage_id.is_zero());
}

// Writes of what `parked` names wait.
class ParkingStore final : public Coordination {
 public:
  explicit ParkingStore(Coordination& inner) : inner_(inner) {}
  Task<Result<std::optional<coordination::KeyValue>>> get(std::string key) override {
    co_return co_await inner_.get(std::move(key));
  }
  Task<Result<std::vector<coordination::KeyValue>>> list(std::string prefix) override {
    co_return co_await inner_.list(std::move(prefix));
  }
  Task<Result<void>> commit(Transaction transaction) override {
    const auto waits = [&] {
      return std::ranges::any_of(transaction.writes, [&](const auto& write) { return write.key == parked; });
    };
    while (waits()) co_await runtime::sleep_for(1ms);
    co_return co_await inner_.commit(std::move(transaction));
  }
  Task<Result<std::unique_ptr<coordination::Lease>>> grant(Duration timeout) override {
    co_return co_await inner_.grant(timeout);
  }
  std::unique_ptr<coordination::Watch> watch(std::string prefix) override {
    return inner_.watch(std::move(prefix));
  }
  Task<void> close() override { co_await inner_.close(); }

  std::string parked;

 private:
  Coordination& inner_;
};

// A follower gets into the ISR while it starts again with a log that it cannot prove. The image with which it looks for what it must
// prove has to say that it is in.
class FastRestart : public Joins {
 protected:
  void run(Duration between) {
    ASSERT_TRUE(node.run([&](runtime::Runtime& runtime) -> Task<void> {
      co_await (co_await take_office(runtime))->close();  // for the options
      auto opened = co_await Controller::open(options, parking, runtime, sink);
      EXPECT_TRUE(opened);
      if (!opened) co_return;
      Controller& controller = **opened;
      co_await join(controller, {1, 2});
      NewTopic topic = topic_at("t", {ids({1, 2})});
      topic.config["min.insync.replicas"] = "2";
      const TopicId id = co_await create(controller, topic);
      const kafka::BrokerReportRequest::Unproven partition{id, {PartitionIndex(0)}};
      controller.registered(broker(2, 21));
      auto first = joining(2, 21);
      first.unproven = {partition};
      EXPECT_EQ((co_await controller.report(first)).error_code, ErrorCode::none);
      EXPECT_EQ(state(controller, id).isr, ids({1}));

      parking.parked = keys::partition(id, 0);
      runtime::Gate gate;
      bool written = false;
      gate.spawn(runtime.shard(0), alter(controller, id, written));
      co_await runtime::yield();
      if (between > Duration{}) co_await runtime::sleep_for(between);
      controller.registered(broker(2, 22));
      Image seen;
      bool answered = false;
      gate.spawn(runtime.shard(0), ask(controller, seen, answered));
      co_await runtime::sleep_for(300ms);
      EXPECT_FALSE(written);
      EXPECT_FALSE(answered) << "with an image that does not tell of what is being written";
      parking.parked.clear();
      co_await gate.close();
      EXPECT_TRUE(answered);
      const PartitionState* const shown = seen.find(TopicPartition{id, PartitionIndex(0)});
      EXPECT_NE(shown, nullptr);
      if (shown != nullptr) EXPECT_EQ(shown->isr, ids({1, 2}));
      auto second = joining(2, 22);
      second.unproven = {partition};
      EXPECT_EQ((co_await controller.report(second)).error_code, ErrorCode::none);
      EXPECT_EQ(state(controller, id).isr, ids({1}));
      co_await controller.close();
    }));
  }
  Task<void> alter(Controller& controller, TopicId id, bool& written) {
    EXPECT_EQ(co_await alter_isr(controller, id, {{BrokerId(1), 10}, {BrokerId(2), 21}}), ErrorCode::none);
    written = true;
  }
  static Task<void> ask(Controller& controller, Image& seen, bool& answered) {
    const auto news = co_await controller.poll(polling(2, 22, Image()));
    EXPECT_EQ(news.error_code, ErrorCode::none);
    auto next = apply(seen, news);
    EXPECT_TRUE(next);
    if (next) seen = std::move(*next);
    answered = true;
  }
  ParkingStore parking{memory};
};

TEST_F(FastRestart, IsAnsweredWithAnIsrThatWasBeingWrittenBeforeItRegistered) {
  run(10ms);
}

TEST_F(FastRestart, IsAnsweredWithAnIsrThatIsWrittenInTheRoundInWhichItRegistered) {
  run(0ms);
}

TEST_F(Joins, AStrangersPollIsRefusedAndSilencesNobody) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_named("t", 1, 2));
    for (const int stranger : {2, 77}) {
      const auto answer = co_await controller.poll(polling(stranger, 999, *controller.image()));
      EXPECT_EQ(answer.error_code, ErrorCode::request_timed_out);
      EXPECT_TRUE(answer.topics.empty());
    }
    EXPECT_TRUE(co_await controller.delete_topic(id));
    // What broker 2 serves still counts.
    Image first;
    Image second;
    co_await follow(controller, 1, 10, first);
    co_await follow(controller, 2, 20, second);
    co_await runtime::sleep_for(2s);
    EXPECT_TRUE(memory.keys().list(keys::kTombstones).empty());
  });
}

TEST_F(Joins, ABrokerThatIsToBeForgottenAndHasRegisteredAnewMayJoin) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    co_await controller.died(BrokerId(1), 10, "refused");
    EXPECT_EQ((co_await order(controller, "remove", 1)).error_code, ErrorCode::none);
    controller.registered(broker(1, 11));
    co_await runtime::sleep_for(3s);
    EXPECT_FALSE(co_await has_event(controller, "broker.removed"));
    EXPECT_EQ((co_await controller.report(joining(1, 11))).error_code, ErrorCode::none);
    // And where it dies before, it is.
    co_await controller.died(BrokerId(1), 11, "refused");
    EXPECT_EQ((co_await order(controller, "remove", 1)).error_code, ErrorCode::none);
    controller.registered(broker(1, 12));
    co_await controller.died(BrokerId(1), 12, "refused");
    co_await runtime::sleep_for(3s);
    EXPECT_TRUE(co_await has_event(controller, "broker.removed"));
  });
}

}  // namespace
}  // namespace godwit::cluster
