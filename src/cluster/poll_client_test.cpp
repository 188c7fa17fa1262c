// A broker that needs long for an image (a partition waits for room, a disk is slow) lives on meanwhile, hears of later images,
// and acknowledges nothing before it is done.
#include "cluster/cluster_world_testing.h"
#include "cluster/controller.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

class SlowImages : public testing::Test {
 protected:
  ClusterWorld cluster{43, &Controller::open};
  int controller = 0;
  int slow = 0;
  std::vector<ImageVersion> begun;
  std::vector<ImageVersion> done;
  bool released = false;

  // From now on the first image with a topic of that name takes until `released`, and all others no time.
  void form_with_slow(const std::string& name) {
    for (int i : {1, 2, 3}) cluster.start(i);
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
    for (int i : {1, 2, 3}) {
      cluster.on(
          i, [](ClusterMetadata& metadata) -> Task<void> { EXPECT_TRUE(co_await metadata.tombstones()); });
    }
    controller = cluster.controller();
    slow = controller == 3 ? 2 : 3;
    cluster.metadata(slow).on_change([this, name](ImagePtr before, ImagePtr after) -> Task<void> {
      const ImageVersion version = after->version;
      EXPECT_TRUE(begun.empty() || begun.back() < version) << "in their order";
      begun.push_back(version);
      if (before->find(name) == nullptr && after->find(name) != nullptr) {
        while (!released) co_await runtime::sleep_for(5ms);
      }
      done.push_back(version);
    });
  }
  size_t tombstones() const { return cluster.server.keys().list("/tombstones/").size(); }
  int told(std::string_view event) const {
    return static_cast<int>(std::ranges::count(cluster.sink.events, event, &Diagnostic::name));
  }
};

TEST_F(SlowImages, NeitherTheBrokersLifeNorLaterImagesWaitForASlowOne) {
  form_with_slow("stuck");
  ASSERT_TRUE(cluster.create_topic("stuck", 1, 3));
  for (int n = 0; n < 5; ++n) {
    const auto from = cluster.world.now();
    ASSERT_TRUE(cluster.create_topic("t" + std::to_string(n), 1, 3));
    ASSERT_TRUE(cluster.wait([&] { return done.size() > static_cast<size_t>(n); }, 1s)) << "topic " << n;
    EXPECT_LT(cluster.world.now() - from, 1700ms) << "whoever makes a topic waits for all, but not for long";
  }
  cluster.world.run_for(10s);
  EXPECT_EQ(begun.size(), done.size() + 1);
  EXPECT_TRUE(cluster.metadata(slow).lease_holds());
  EXPECT_EQ(told("cluster.broker.unheard"), 0);
  EXPECT_EQ(told("cluster.broker.dead"), 0);
  released = true;
  cluster.world.run_for(100ms);
  EXPECT_EQ(begun.size(), done.size());
}

TEST_F(SlowImages, WhatIsNotServedIsNotAcknowledged) {
  form_with_slow("stuck");
  ASSERT_TRUE(cluster.create_topic("gone", 1, 3));
  cluster.world.run_for(1s);
  const TopicId gone = cluster.metadata(controller).image()->find("gone")->id;
  ASSERT_TRUE(cluster.create_topic("stuck", 1, 3));
  cluster.on(controller, [gone](ClusterMetadata& metadata) -> Task<void> {
    EXPECT_TRUE(co_await metadata.delete_topic(gone));
  });
  ASSERT_TRUE(cluster.wait([&] { return cluster.metadata(slow).image()->find("gone") == nullptr; }, 1s));
  cluster.world.run_for(5s);
  EXPECT_EQ(done.size() + 1, begun.size()) << "later ones are done";
  EXPECT_EQ(tombstones(), 1U) << "its logs may still be in use on the slow broker";
  released = true;
  EXPECT_TRUE(cluster.wait([&] { return tombstones() == 0; }, 2s));
}

TEST_F(SlowImages, AStopWaitsForWhatIsUnderWay) {
  form_with_slow("stuck");
  ASSERT_TRUE(cluster.create_topic("stuck", 1, 3));
  ASSERT_TRUE(cluster.wait([&] { return begun.size() > done.size(); }, 1s));
  bool closed = false;
  cluster.node(slow).start([&](runtime::Runtime&) -> Task<void> {
    co_await cluster.metadata(slow).close();
    closed = true;
  });
  cluster.world.run_for(1s);
  EXPECT_FALSE(closed) << "what the callback uses must not go";
  released = true;
  EXPECT_TRUE(cluster.wait([&] { return closed; }, 1s));
}

// Who joins again has made what the image gives it, or what it lacks would count as lost.
TEST_F(SlowImages, ABrokerJoinsAgainOnlyWhenItServesTheImageThatItJoinsIn) {
  form_with_slow("stuck");
  ASSERT_TRUE(cluster.create_topic("stuck", 1, 3));
  ASSERT_TRUE(cluster.wait([&] { return begun.size() > done.size(); }, 1s));
  // Nobody hears of it for so long that it is declared dead.
  for (int i : {1, 2, 3})
    if (i != slow) cluster.world.network().cut({ClusterWorld::name(slow)}, {ClusterWorld::name(i)});
  cluster.server.cut(ClusterWorld::name(slow));
  ASSERT_TRUE(cluster.wait([&] { return told("cluster.broker.dead") > 0; }, 30s));
  cluster.world.network().heal();
  cluster.server.heal();
  cluster.world.run_for(10s);
  const auto joined = [&] {
    const auto image = cluster.metadata(controller).image();
    return image->brokers.contains(BrokerId(slow));
  };
  EXPECT_FALSE(joined());
  released = true;
  EXPECT_TRUE(cluster.wait(joined, 10s));
}

}  // namespace
}  // namespace godwit::cluster
