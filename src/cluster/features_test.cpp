// The feature level of a cluster (design-cluster rule 23): rolled from one build to the next, and no way back.
#include <gmock/gmock.h>

#include "cluster/cluster_world_testing.h"
#include "cluster/controller.h"
#include "cluster/feature_level.h"

namespace godwit::cluster {
namespace {

using runtime::Task;
using testing::HasSubstr;

constexpr FeatureRange kOld{1, 1};
constexpr FeatureRange kNew{1, 2};

// A value as a build has it that brought two new versions, one at level 2 and one at level 4.
struct Grown {
  static constexpr codec::Format kFormat{.name = "Grown", .versions = {0, 2}, .flexible_since = 0};
  static constexpr int16_t kSinceLevel[] = {2, 4};
};

TEST(FeatureLevel, AValueIsWrittenInTheNewestVersionThatTheLevelAllows) {
  EXPECT_EQ(version_at<Grown>(1), 0);
  EXPECT_EQ(version_at<Grown>(2), 1);
  EXPECT_EQ(version_at<Grown>(3), 1);
  EXPECT_EQ(version_at<Grown>(4), 2);
  EXPECT_EQ(version_at<Grown>(9), 2);
  EXPECT_EQ(version_at<StoredPartition>(9), 0);
}

TEST(FeatureLevel, ABuildThatDoesNotWorkAtTheLevelIsToldWhatToDo) {
  EXPECT_EQ(level_fault({1, 2}, 2), "");
  EXPECT_THAT(level_fault({1, 2}, 3), HasSubstr("start a newer build"));
  EXPECT_THAT(level_fault({3, 4}, 2),
              HasSubstr("works at feature level 2, and this build at the levels 3 to 4"));
  EXPECT_THAT(level_fault({3, 4}, 2), HasSubstr("godwit cluster upgrade"));
}

class Features : public testing::Test {
 protected:
  ClusterWorld cluster{23, &Controller::open};

  void form(FeatureRange build) {
    for (int i : {1, 2, 3}) cluster.start(i, {.features = build});
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  }
  void roll(int i, FeatureRange build) {
    cluster.crash(i);
    cluster.world.run_for(500ms);
    cluster.start(i, {.was_member = true, .features = build});
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  }
  kafka::ClusterCommandResponse command(std::string verb, int64_t number = 0, bool dry_run = false) {
    kafka::ClusterCommandRequest request;
    request.verb = std::move(verb);
    request.number = number;
    request.dry_run = dry_run;
    kafka::ClusterCommandResponse answer;
    EXPECT_TRUE(cluster.on(cluster.controller(), [&](ClusterMetadata& metadata) -> Task<void> {
      answer = co_await metadata.serve_command(request);
    }));
    return answer;
  }
  bool all_at(int16_t level) {
    return cluster.wait([&] {
      return std::ranges::all_of(std::vector<int>{1, 2, 3},
                                 [&](int i) { return cluster.metadata(i).image()->feature_level == level; });
    });
  }
  int16_t stored_level() {
    const auto entry = cluster.server.keys().get("/features");
    if (!entry) return 0;
    const auto stored = codec::decode_versioned<StoredFeatures>(SharedBytes::copy(entry->value));
    return stored ? stored->level : int16_t{-1};
  }
  // Starts the broker, and gives what its start failed with.
  Error refused(int i, FeatureRange build) {
    cluster.start(i, {.was_member = true, .features = build});
    EXPECT_TRUE(cluster.wait([&] { return cluster.process(i)->started.has_value(); }));
    if (!cluster.process(i)->started || *cluster.process(i)->started)
      return {ErrorKind::invalid, "it started"};
    return cluster.process(i)->started->error();
  }
};

TEST_F(Features, ANewClusterWorksAtTheNewestLevelOfItsFirstBuild) {
  form(kNew);
  EXPECT_EQ(stored_level(), 2);
  EXPECT_TRUE(all_at(2));
}

TEST_F(Features, AClusterOfABuildThatKnewNoLevelsIsAtTheFirst) {
  form(kOld);
  coordination::Transaction forget;
  forget.remove("/features");
  ASSERT_TRUE(cluster.server.change(forget));
  roll(cluster.controller(), kNew);
  EXPECT_EQ(cluster.metadata(1).image()->feature_level, 1);
}

TEST_F(Features, TheLevelRisesByOrderOnceEveryBrokerTakesItAndIsThereForTheNextController) {
  form(kOld);
  for (int i : {1, 2}) roll(i, kNew);
  const auto early = command("upgrade", 2);
  EXPECT_EQ(early.error_code, ErrorCode::invalid_request);
  EXPECT_THAT(early.message, HasSubstr("broker 3 works up to level 1"));
  // Without a number: what can be done, which is nothing.
  EXPECT_EQ(command("upgrade").error_code, ErrorCode::none);
  EXPECT_EQ(command("status").feature_level_max, 1);

  // Who is dead is to come back, and counts.
  cluster.crash(3);
  ASSERT_TRUE(cluster.wait([&] { return cluster.controller() != 0 && cluster.formed({1, 2}); }));
  EXPECT_EQ(command("upgrade", 2).error_code, ErrorCode::invalid_request);

  cluster.start(3, {.was_member = true, .features = kNew});
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  const auto status = command("status");
  EXPECT_EQ(status.feature_level, 1);
  EXPECT_EQ(status.feature_level_max, 2);
  EXPECT_EQ(status.brokers.at(0).features_last, 2);
  EXPECT_EQ(command("upgrade", 0, true).error_code, ErrorCode::none);
  EXPECT_EQ(stored_level(), 1);
  EXPECT_EQ(command("upgrade").feature_level, 2);
  EXPECT_EQ(stored_level(), 2);
  EXPECT_TRUE(all_at(2));
  EXPECT_TRUE(cluster.told("cluster.features.upgraded"));

  EXPECT_EQ(command("upgrade", 1).error_code, ErrorCode::invalid_request);
  EXPECT_EQ(command("upgrade", 3).error_code, ErrorCode::invalid_request);
  roll(cluster.controller(), kNew);
  EXPECT_EQ(command("status").feature_level, 2);
}

TEST_F(Features, AnOldBuildIsRefusedWithAClearErrorAndTheOthersGoOn) {
  form(kNew);
  ASSERT_TRUE(cluster.create_topic("t", 3, 3));
  const int old = cluster.controller() == 3 ? 2 : 3;
  cluster.crash(old);
  const Error error = refused(old, kOld);
  EXPECT_EQ(error.kind, ErrorKind::unsupported);
  EXPECT_THAT(error.message, HasSubstr("the cluster works at feature level 2, and this build at level 1"));
  cluster.world.run_for(10s);  // the lease of the process before is over
  EXPECT_FALSE(cluster.server.keys().get("/brokers/" + std::to_string(old)));
  EXPECT_EQ(cluster.metadata(cluster.controller()).image()->brokers.size(), 2u);
  cluster.crash(old);
  cluster.start(old, {.was_member = true, .features = kNew});
  EXPECT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
}

TEST_F(Features, ABuildThatIsTooNewIsRefused) {
  form(kOld);
  cluster.crash(1);
  EXPECT_EQ(refused(1, {2, 3}).kind, ErrorKind::unsupported);
}

// The registration of the old build stands in the store before the level is raised, and the controller has not heard of it.
TEST_F(Features, ABrokerThatRegisteredJustBeforeTheLevelRoseIsNotLetIn) {
  for (int i : {1, 2}) cluster.start(i, {.features = kNew});
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2}); }));
  const auto put_level = [&](int16_t level) {
    coordination::Transaction transaction;
    transaction.put("/features", stored_bytes(StoredFeatures{level}, kFirstLevel));
    ASSERT_TRUE(cluster.server.change(transaction));
  };
  put_level(1);  // so that it registers
  const Error error = refused(3, kOld);
  EXPECT_EQ(error.kind, ErrorKind::unsupported) << error.message;
  EXPECT_TRUE(cluster.told("broker.build_refused"));
  EXPECT_EQ(cluster.metadata(1).image()->brokers.size(), 2u);
}

// Nor does it take the office: what stands in the store it may not be able to read.
TEST_F(Features, ABrokerThatRegisteredJustBeforeTheLevelRoseDoesNotTakeTheOffice) {
  form(kOld);
  coordination::Transaction transaction;
  transaction.put("/features", stored_bytes(StoredFeatures{2}, kFirstLevel));
  ASSERT_TRUE(cluster.server.change(transaction));
  cluster.crash(cluster.controller());
  cluster.world.run_for(20s);
  EXPECT_EQ(cluster.controller(), 0);
}

}  // namespace
}  // namespace godwit::cluster
