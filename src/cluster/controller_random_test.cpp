#include "cluster/controller_testing.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;
using Fate = ShakyStore::Fate;

// Controllers come and go, brokers die, start and ask for all kinds of things at once, over a store that loses, delays and
// doubles transactions; all from one seed. Whatever stands in the store at any time is checked against what stood there before.
class Chaos : public ControllerTest {
 protected:
  static constexpr int kBrokers = 4;

  Chaos() {
    options.preferred_after = 2s;
    store.on_write = [this](const Transaction& transaction) { check(transaction); };
  }

  uint64_t below(uint64_t bound) { return world.random().below(bound); }

  // A leader of one epoch is one process; versions and epochs rise; only members of the ISR lead.
  void check(const Transaction& transaction) {
    for (const auto& write : transaction.writes) {
      if (!write.key.starts_with(keys::kPartitions)) continue;
      if (!write.value) {
        history.erase(write.key);
        continue;
      }
      const PartitionState now =
          to_state(*codec::decode_versioned<StoredPartition>(SharedBytes::copy(*write.value)));
      const auto found = history.find(write.key);
      if (found != history.end() && found->second != now) {
        const PartitionState& before = found->second;
        EXPECT_GT(now.version, before.version) << write.key;
        EXPECT_GE(now.leader_epoch, before.leader_epoch) << write.key;
        if (now.leader != before.leader || now.leader_incarnation != before.leader_incarnation) {
          EXPECT_GT(now.leader_epoch, before.leader_epoch) << write.key;
          ++elections;
        }
        // Two must have what was acknowledged: no change but proven loss or an order leaves fewer.
        if (before.isr.size() >= 2) EXPECT_GE(now.isr.size(), 2u) << write.key;
      }
      EXPECT_FALSE(now.isr.empty());
      for (const BrokerId id : now.isr) {
        EXPECT_NE(std::count(now.replicas.begin(), now.replicas.end(), id), 0) << write.key;
      }
      if (now.leader != kNoBroker) {
        EXPECT_NE(std::count(now.isr.begin(), now.isr.end(), now.leader), 0) << write.key;
        // Nobody leads who was not there in that incarnation.
        EXPECT_LE(now.leader_incarnation, started[now.leader]) << write.key;
      }
      history[write.key] = now;
    }
  }

  // Who is in sync and lives leads, where nobody else does: an unclean election of such a partition is never ordered.
  static void expect_no_leader_is_missing(const Image& image) {
    if (image.version.sequence <= 1) return;  // as it was loaded
    for (const auto& [name, topic] : image.topics()) {
      for (const PartitionState& state : topic->partitions) {
        if (is_lost(state) || image.brokers.contains(state.leader)) continue;
        for (const BrokerId id : state.isr)
          EXPECT_FALSE(image.brokers.contains(id)) << name << ": " << to_string(id);
      }
    }
  }

  Task<void> random_isr_change(Controller& controller) {
    const ImagePtr image = controller.image();
    if (image->topics().empty()) co_return;
    auto topic = image->topics().begin();
    std::advance(topic, static_cast<std::ptrdiff_t>(below(image->topics().size())));
    std::vector<IsrChange> changes;
    BrokerId asker = kNoBroker;
    uint64_t incarnation = 0;
    for (size_t i = 0; i < topic->second->partitions.size(); ++i) {
      const PartitionState& now = topic->second->partitions[i];
      if (now.leader == kNoBroker || (asker != kNoBroker && asker != now.leader)) continue;
      asker = now.leader;
      incarnation = now.leader_incarnation;
      IsrChange change{
          {topic->second->id, PartitionIndex(static_cast<int>(i))}, now.leader_epoch, now.version, {}};
      for (const BrokerId id : now.replicas) {
        if (id == now.leader || below(3) != 0) change.isr[id] = started[id];
      }
      changes.push_back(std::move(change));
    }
    if (asker != kNoBroker) (void)co_await controller.alter_isr(asker, incarnation, std::move(changes));
  }

  Task<void> restart(Controller& controller, int id) {
    const uint64_t incarnation = ++started[BrokerId(id)];
    co_await put_registration(id);
    controller.registered(broker(id, incarnation));
    co_await runtime::sleep_for(std::chrono::milliseconds(below(50)));
    (void)co_await controller.report(joining(id, incarnation));
  }

  Task<void> random_move(Controller& controller) {
    const ImagePtr image = controller.image();
    std::vector<Reassignment> wishes;
    for (const auto& [name, topic] : image->topics()) {
      if (below(2) == 0) continue;
      std::vector<BrokerId> target;
      const int skipped = static_cast<int>(below(kBrokers)) + 1;
      for (int id = 1; id <= kBrokers; ++id) {
        if (id != skipped) target.push_back(BrokerId(id));
      }
      Reassignment wish{{topic->id, PartitionIndex(0)}, target};
      if (below(4) == 0) wish.replicas.reset();
      wishes.push_back(std::move(wish));
    }
    (void)co_await controller.reassign(std::move(wishes));
  }

  Task<void> random_deed(std::shared_ptr<Controller> controller, int number) {
    const int id = static_cast<int>(below(kBrokers)) + 1;
    switch (below(14)) {
      case 0:
        co_await controller->died(BrokerId(id), started[BrokerId(id)], "chance");
        if (below(4) == 0) break;
        co_await runtime::sleep_for(std::chrono::milliseconds(below(300)));
        co_await restart(*controller, id);
        break;
      case 1:
        co_await restart(*controller, id);
        break;
      case 2:
        (void)co_await controller->create_topic(topic_named("t" + std::to_string(number), 40, 3), false);
        break;
      case 3: {
        const ImagePtr image = controller->image();
        if (image->topics().size() > 3)
          (void)co_await controller->delete_topic(image->topics().begin()->second->id);
        break;
      }
      case 4:
        co_await random_move(*controller);
        break;
      case 5: {
        auto request = joining(id, started[BrokerId(id)]);
        request.kind = kafka::BrokerReportRequest::kHealth;
        request.can_append = below(2) == 0;
        (void)co_await controller->report(request);
        break;
      }
      default:
        co_await random_isr_change(*controller);
    }
    ++deeds;
  }

  Task<void> deeds_of(std::shared_ptr<Controller> controller, runtime::Gate& gate) {
    auto& shard = *runtime::Shard::current();
    const int count = 20 + static_cast<int>(below(40));
    for (int i = 0; i < count; ++i) {
      gate.spawn(shard, random_deed(controller, next_topic++));
      co_await runtime::sleep_for(std::chrono::milliseconds(below(60)));
      if (below(25) == 0) (void)co_await store.deliver_late();
      expect_no_leader_is_missing(*controller->image());
    }
  }

  Task<void> run(runtime::Runtime& runtime) {
    std::shared_ptr<Controller> old;
    runtime::Gate gate;
    store.next_fate = [this](const Transaction&) {
      switch (below(40)) {
        case 0:
          return Fate::lost;
        case 1:
          return Fate::unheard;
        case 2:
        case 4:
        case 5:
          return Fate::late;
        case 3:
          return Fate::down;
        default:
          return Fate::pass;
      }
    };
    for (int office = 0; office < 6; ++office) {
      auto fresh = co_await take_office_anyhow(runtime);
      if (!fresh) co_return;
      const std::shared_ptr<Controller> controller(std::move(fresh));
      if (office == 0) {
        for (int id = 1; id <= kBrokers; ++id) co_await restart(*controller, id);
        (void)co_await controller->create_topic(topic_named("first", 40, 3), false);
      }
      // The last one may not know yet that it is none any more.
      if (old) gate.spawn(*runtime::Shard::current(), deeds_of(old, gate));
      co_await deeds_of(controller, gate);
      if (old) co_await old->close();
      old = controller;
    }
    co_await runtime::sleep_for(5s);
    co_await settle_down(*old);
    co_await old->close();
    co_await gate.close();
  }

  // open() gives up on a timeout, as it may; its caller tries again.
  Task<std::unique_ptr<Controller>> take_office_anyhow(runtime::Runtime& runtime) {
    const auto fates = std::exchange(store.next_fate, nullptr);
    auto controller = co_await take_office(runtime);
    store.next_fate = fates;
    co_return controller;
  }

  // What the controller shows is what stands in the store, and everything comes back once the brokers do.
  Task<void> settle_down(Controller& controller) {
    store.next_fate = nullptr;
    (void)co_await store.deliver_late();
    for (int id = 1; id <= kBrokers; ++id) co_await restart(controller, id);
    co_await runtime::sleep_for(1s);
    size_t partitions = 0;
    for (const auto& [name, topic] : controller.image()->topics()) {
      for (size_t i = 0; i < topic->partitions.size(); ++i, ++partitions) {
        EXPECT_EQ(co_await stored(topic->id, static_cast<int>(i)), topic->partitions[i]);
        EXPECT_NE(topic->partitions[i].leader, kNoBroker);
      }
    }
    EXPECT_EQ(memory.keys().list(keys::kPartitions).size(), partitions);
  }

  std::map<std::string, PartitionState> history;
  std::map<BrokerId, uint64_t> started;
  int elections = 0;
  int deeds = 0;
  int next_topic = 0;
};

class ChaosFromSeed : public Chaos, public testing::WithParamInterface<uint64_t> {};

TEST_P(ChaosFromSeed, TheStoreNeverGoesBackAndNoEpochHasTwoLeaders) {
  for (uint64_t i = 0; i < GetParam(); ++i) (void)world.random().next();
  ASSERT_TRUE(node.run([this](runtime::Runtime& runtime) -> Task<void> { co_await run(runtime); }));
  EXPECT_GT(deeds, 100);
  EXPECT_GT(elections, 20);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ChaosFromSeed, testing::Range<uint64_t>(0, 12));

}  // namespace
}  // namespace godwit::cluster
