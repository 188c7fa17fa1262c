#include "broker/cluster_gauges.h"

#include <gtest/gtest.h>

namespace godwit::broker {
namespace {

constexpr BrokerId kSelf{1};

cluster::PartitionState partition(int leader, const std::vector<int>& replicas, const std::vector<int>& isr) {
  cluster::PartitionState state;
  state.leader = leader == 0 ? kNoBroker : BrokerId(leader);
  for (const int id : replicas) state.replicas.push_back(BrokerId(id));
  for (const int id : isr) state.isr.push_back(BrokerId(id));
  return state;
}

cluster::Image image_of(std::vector<cluster::PartitionState> partitions, cluster::ConfigMap config = {}) {
  cluster::Image image;
  image.controller = kSelf;
  image.brokers[kSelf];
  auto topic = std::make_shared<cluster::Topic>();
  topic->id = Uuid::from_random({std::byte{1}});
  topic->name = "orders";
  topic->config = std::move(config);
  topic->partitions = std::move(partitions);
  image.put(std::move(topic));
  return image;
}

TEST(ClusterGauges, CountWhatThisBrokerLeadsAndWhatNobodyDoes) {
  const auto image =
      image_of({partition(1, {1, 2, 3}, {1, 2, 3}), partition(1, {1, 2, 3}, {1, 2}),
                partition(1, {1, 2, 3}, {1}), partition(2, {2, 1, 3}, {2}), partition(0, {2, 1, 3}, {2})});
  const PartitionCounts counts = count_partitions(image, kSelf, {});
  EXPECT_EQ(counts.led, 3);
  EXPECT_EQ(counts.under_replicated, 2);
  EXPECT_EQ(counts.under_minimum, 1) << "two of three, where nothing says otherwise";
  EXPECT_EQ(counts.without_leader, 1);
}

TEST(ClusterGauges, GoByTheMinimumThatHolds) {
  const auto one = partition(1, {1, 2, 3}, {1});
  EXPECT_EQ(count_partitions(image_of({one}, {{"min.insync.replicas", "1"}}), kSelf, {}).under_minimum, 0);
  EXPECT_EQ(count_partitions(image_of({one}), kSelf, {{"min.insync.replicas", "1"}}).under_minimum, 0);
  const auto alone = partition(1, {1}, {1});
  EXPECT_EQ(count_partitions(image_of({alone}, {{"min.insync.replicas", "2"}}), kSelf, {}).under_minimum, 0)
      << "what is possible";
}

TEST(ClusterGauges, ThePageTellsOfTheNewestImage) {
  metrics::Registry registry;
  EXPECT_EQ(registry.prometheus_text(), "");
  ClusterGauges gauges(registry, kSelf, {});
  EXPECT_NE(registry.prometheus_text().find("godwit_partitions_led 0\n"), std::string::npos);
  auto first = image_of({partition(1, {1, 2}, {1})});
  first.version = {1, 5};
  auto older = image_of({});
  older.version = {1, 4};
  gauges.show(std::make_shared<cluster::Image>(first));
  gauges.show(std::make_shared<cluster::Image>(older));
  const std::string page = registry.prometheus_text();
  for (const char* line : {"godwit_partitions_led 1\n", "godwit_partitions_under_replicated 1\n",
                           "godwit_partitions_under_min_insync 0\n", "godwit_partitions_without_leader 0\n",
                           "godwit_controller 1\n", "godwit_brokers 1\n"})
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
}

}  // namespace
}  // namespace godwit::broker
